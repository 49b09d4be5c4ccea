//! The fuzzer's bytes as choices. Where they have ended, every choice is the first.

pub(super) struct Noise<'a>(pub(super) &'a [u8]);

impl<'a> Noise<'a> {
    pub(super) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `n`, or 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { usize::from(self.byte()) % n }
    }

    /// As many bytes as the next one says.
    pub(super) fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    /// How many of `len` bytes come at once: often all, sometimes one, sometimes a part.
    pub(super) fn piece(&mut self, len: usize) -> usize {
        match self.byte() {
            0..160 => len,
            160..200 => len.min(1),
            n => (len * usize::from(n - 199) / 57).max(1).min(len),
        }
    }
}
