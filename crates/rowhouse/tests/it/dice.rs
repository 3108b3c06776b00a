//! Chance that comes the same each time, so that what fails once fails again.

/// Xorshift.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice of a seed, for one of several that use it.
    pub fn new(seed: u64, user: u64) -> Dice {
        // Zero would stay zero, and neighbours would begin alike.
        let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ user.wrapping_mul(0xbf58_476d);
        let mut dice = Dice(mixed | 1);
        for _ in 0..8 {
            dice.next();
        }
        dice
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
