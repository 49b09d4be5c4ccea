//! Keys from a terminal, one by one, without Enter. Ctrl-C stays a signal.

use std::io::{self, IsTerminal, Read};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

/// The terminal's former mode comes back when this is dropped.
pub(crate) struct Keys {
    before: Termios,
    pressed: Receiver<u8>,
}

impl Keys {
    /// `None` if standard input is no terminal.
    pub(crate) fn open() -> Option<Keys> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut mode = before.clone();
        mode.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO);
        mode.special_codes[SpecialCodeIndex::VMIN] = 1;
        mode.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&stdin, OptionalActions::Now, &mode).ok()?;
        let (sender, pressed) = channel();
        // Ends with the process: a blocking read of a terminal cannot be called back.
        thread::spawn(move || {
            for key in io::stdin().lock().bytes().map_while(Result::ok) {
                if sender.send(key).is_err() {
                    return;
                }
            }
        });
        Some(Keys { before, pressed })
    }

    /// The next key, if one was pressed.
    pub(crate) fn pressed(&self) -> Option<u8> {
        self.pressed.try_recv().ok()
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
