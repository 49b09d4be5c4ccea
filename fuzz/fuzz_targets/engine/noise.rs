//! The fuzzer's bytes as choices. Where they have ended, every choice is the first.

pub struct Noise<'a>(pub &'a [u8]);

impl<'a> Noise<'a> {
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `n`, or 0.
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { usize::from(self.byte()) % n }
    }

    pub fn pick<'t, T>(&mut self, things: &'t [T]) -> Option<&'t T> {
        if things.is_empty() { None } else { things.get(self.below(things.len())) }
    }

    /// As many bytes as the next one says.
    pub fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    /// How many of `len` bytes come at once: often all, sometimes one, sometimes a part.
    pub fn piece(&mut self, len: usize) -> usize {
        match self.byte() {
            0..160 => len,
            160..200 => len.min(1),
            n => (len * usize::from(n - 199) / 57).max(1).min(len),
        }
    }
}
