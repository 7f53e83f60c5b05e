//! Locks that outlive a panic.
//!
//! A panic ends the connection that met it, never the process: what it held locked is dropped with that connection, and
//! every table here is changed by single steps that leave it whole. So poisoning is ignored, in this one place.
//!
//! **Lock order**, outermost first; what stands later may be taken while an earlier one is held, never the other way:
//!
//! 1. removal of a session
//! 2. retained events of a realm; its schemas
//! 3. queue of a registration with `concurrency`
//! 4. stripes and patterns of an index
//! 5. holdings of a session
//! 6. roster of a subscription or registration; stripes of tables by id, the sessions' among them
//! 7. one mailbox; meta events that wait; what a store keeps in memory until it is written; counts by authrole
//!
//! Two locks of the same number are never held at once, and nothing is locked under those of the last.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lock, if nobody has it.
pub(crate) fn try_lock<T: ?Sized>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

pub(crate) fn read<T: ?Sized>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write<T: ?Sized>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
