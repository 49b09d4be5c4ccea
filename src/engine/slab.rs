//! Places with a generation: an id outlives what it named, and then finds nothing.
//!
//! Grows by chunks: a doubling `Vec` would copy all and leave twice the room. Ids are given out last
//! freed first, so that what was warm stays warm.

const CHUNK: usize = 256;

struct Place<T> {
    generation: u32,
    value: Option<T>,
}

pub(crate) struct Slab<T> {
    chunks: Vec<Vec<Place<T>>>,
    free: Vec<u32>,
    len: usize,
}

/// An id of a slab: both halves.
pub(crate) trait Id: Copy {
    fn new(index: u32, generation: u32) -> Self;
    fn index(self) -> u32;
    fn generation(self) -> u32;
}

macro_rules! slab_id {
    ($type:ty) => {
        impl Id for $type {
            fn new(index: u32, generation: u32) -> Self {
                Self { index, generation }
            }
            fn index(self) -> u32 {
                self.index
            }
            fn generation(self) -> u32 {
                self.generation
            }
        }
    };
}

slab_id!(crate::base::ClientId);
slab_id!(crate::base::UpstreamId);
slab_id!(super::road::GatherId);

impl<T> Slab<T> {
    pub(crate) fn new() -> Slab<T> {
        Slab { chunks: Vec::new(), free: Vec::new(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert<I: Id>(&mut self, value: T) -> I {
        self.len += 1;
        if let Some(index) = self.free.pop() {
            let place = &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK];
            place.value = Some(value);
            return I::new(index, place.generation);
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let last = self.chunks.len() - 1;
        let chunk = &mut self.chunks[last];
        chunk.push(Place { generation: 0, value: Some(value) });
        I::new((last * CHUNK + chunk.len() - 1) as u32, 0)
    }

    #[inline]
    pub(crate) fn get<I: Id>(&self, id: I) -> Option<&T> {
        let place = self.chunks.get(id.index() as usize / CHUNK)?.get(id.index() as usize % CHUNK)?;
        if place.generation == id.generation() { place.value.as_ref() } else { None }
    }

    #[inline]
    pub(crate) fn get_mut<I: Id>(&mut self, id: I) -> Option<&mut T> {
        let place = self.chunks.get_mut(id.index() as usize / CHUNK)?.get_mut(id.index() as usize % CHUNK)?;
        if place.generation == id.generation() { place.value.as_mut() } else { None }
    }

    pub(crate) fn remove<I: Id>(&mut self, id: I) -> Option<T> {
        let place = self.chunks.get_mut(id.index() as usize / CHUNK)?.get_mut(id.index() as usize % CHUNK)?;
        if place.generation != id.generation() {
            return None;
        }
        let value = place.value.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(id.index());
        self.len -= 1;
        Some(value)
    }

    pub(crate) fn iter<I: Id>(&self) -> impl Iterator<Item = (I, &T)> {
        self.chunks.iter().enumerate().flat_map(|(c, chunk)| {
            chunk.iter().enumerate().filter_map(move |(i, place)| {
                place.value.as_ref().map(|v| (I::new((c * CHUNK + i) as u32, place.generation), v))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ClientId;

    #[test]
    fn an_id_finds_nothing_once_what_it_named_has_gone() {
        let mut slab: Slab<u32> = Slab::new();
        let ids: Vec<ClientId> = (0..600).map(|n| slab.insert(n)).collect();
        assert_eq!(slab.get(ids[599]), Some(&599));
        assert_eq!(slab.remove(ids[7]), Some(7));
        assert_eq!(slab.remove(ids[7]), None);
        let next: ClientId = slab.insert(1000);
        assert_eq!(next.index, ids[7].index, "the freed place is used again");
        assert_eq!(slab.get(ids[7]), None);
        assert_eq!(slab.get(next), Some(&1000));
        assert_eq!(slab.len(), 600);
        assert_eq!(slab.iter::<ClientId>().count(), 600);
    }
}
