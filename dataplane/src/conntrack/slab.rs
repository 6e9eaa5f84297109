//! Where are entries kept? In numbered slots, of which the freed ones are used again first.
//!
//! No memory is taken after [`Slab::with_capacity`] and [`Slab::reserve`]; slots that were never used
//! cost none either, since the system gives a page when it is first written.

/// The end of the list of free slots.
const NIL: u32 = u32::MAX;

#[derive(Clone, Debug)]
enum Slot<T> {
    /// Free; the next free one.
    Free(u32),
    Used(T),
}

/// Slots for at most so many entries.
#[derive(Clone, Debug)]
pub(super) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: u32,
    len: usize,
    capacity: usize,
}

impl<T> Slab<T> {
    /// An empty one.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { slots: Vec::with_capacity(capacity), free: NIL, len: 0, capacity }
    }

    /// Makes room for so many entries in all, if there is less.
    pub(super) fn reserve(&mut self, capacity: usize) {
        if capacity > self.capacity {
            self.slots.reserve_exact(capacity - self.slots.len());
            self.capacity = capacity;
        }
    }

    /// How many entries there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many slots were ever used: entries are in slots below this.
    #[inline]
    pub(super) fn used(&self) -> usize {
        self.slots.len()
    }

    /// Is there no room?
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len >= self.capacity
    }

    /// The entry in a slot.
    #[inline]
    pub(super) fn get(&self, at: u32) -> Option<&T> {
        match self.slots.get(at as usize) {
            Some(Slot::Used(entry)) => Some(entry),
            _ => None,
        }
    }

    /// The entry in a slot, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        match self.slots.get_mut(at as usize) {
            Some(Slot::Used(entry)) => Some(entry),
            _ => None,
        }
    }

    /// Puts an entry into a free slot. If there is none, it comes back.
    #[inline]
    pub(super) fn insert(&mut self, entry: T) -> Result<u32, T> {
        if self.is_full() {
            return Err(entry);
        }
        self.len += 1;
        let at = self.free;
        if let Some(slot) = self.slots.get_mut(at as usize) {
            if let Slot::Free(next) = *slot {
                self.free = next;
            }
            *slot = Slot::Used(entry);
            return Ok(at);
        }
        // The capacity is below 2^31 (config::MAX_FLOWS).
        let at = self.slots.len() as u32;
        self.slots.push(Slot::Used(entry));
        Ok(at)
    }

    /// Takes the entry out of a slot.
    pub(super) fn remove(&mut self, at: u32) -> Option<T> {
        let slot = self.slots.get_mut(at as usize)?;
        match std::mem::replace(slot, Slot::Free(self.free)) {
            Slot::Used(entry) => {
                (self.free, self.len) = (at, self.len - 1);
                Some(entry)
            }
            // It was free: what was written is taken back.
            free @ Slot::Free(_) => {
                *slot = free;
                None
            }
        }
    }

    /// What one slot takes, in bytes.
    #[cfg(test)]
    pub(super) const SLOT_LEN: usize = size_of::<Slot<T>>();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_slots_are_used_again_before_new_ones() {
        let mut slab = Slab::with_capacity(3);
        let ids: Vec<u32> = ['a', 'b', 'c'].iter().map(|&c| slab.insert(c).unwrap()).collect();
        assert_eq!((ids, slab.insert('d')), (vec![0, 1, 2], Err('d')));
        assert_eq!((slab.remove(1), slab.remove(1), slab.remove(9)), (Some('b'), None, None));
        assert_eq!((slab.get(1), slab.len(), slab.used()), (None, 2, 3));
        assert_eq!((slab.insert('e'), slab.get(1)), (Ok(1), Some(&'e')));
        assert_eq!((slab.insert('f'), slab.used()), (Err('f'), 3));
    }

    #[test]
    fn more_room_is_made_but_never_less() {
        let mut slab = Slab::with_capacity(1);
        assert_eq!(slab.insert('a'), Ok(0));
        slab.reserve(2);
        assert_eq!((slab.insert('b'), slab.insert('c')), (Ok(1), Err('c')));
        slab.reserve(1);
        assert_eq!((slab.remove(0), slab.insert('d')), (Some('a'), Ok(0)));
    }
}
