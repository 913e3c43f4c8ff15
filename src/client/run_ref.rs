//! Which of the handlers of a process an answer is for.

/// A run by its place and serial number: what an answer has to find again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::client) struct RunRef {
    pub(in crate::client) slot: u16,
    pub(in crate::client) serial: u16,
}

impl RunRef {
    /// As the number of a call to a service.
    pub(in crate::client) fn call(self) -> u32 {
        u32::from(self.slot) | (u32::from(self.serial) << 16)
    }

    /// The run that a call is of.
    pub(in crate::client) fn of_call(call: u32) -> RunRef {
        RunRef { slot: (call & 0xFFFF) as u16, serial: (call >> 16) as u16 }
    }
}
