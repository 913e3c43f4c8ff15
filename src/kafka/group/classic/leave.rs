//! `LeaveGroup`.

use super::ClassicGroup;
use crate::kafka::coordinate::Desk;
use crate::kafka::group::pen::Pen;
use crate::talk::KafkaTimer;
use crate::talk::kafka::{Code, Leave, Left};

impl ClassicGroup {
    /// A member leaves, or an operator removes a static one by its instance id alone.
    ///
    /// Source: `classicGroupLeaveToClassicGroup`.
    pub(in crate::kafka::group) fn on_leave(
        &mut self,
        leave: &Leave,
        pen: &mut Pen,
        desk: &mut Desk<'_, '_>,
    ) -> Result<(), Code> {
        if let Some((place, _)) = self.expected.remove(&leave.member) {
            desk.disarm(KafkaTimer::Member(self.id, place));
            self.after_expected(pen, desk);
            return Ok(());
        }
        let (id, why) = if leave.member.is_empty() {
            let holder = leave.instance.as_ref().and_then(|it| self.instances.get(it));
            (holder.cloned().ok_or(Code::UnknownMemberId)?, Left::Removed)
        } else {
            self.check_member(&leave.member, leave.instance.as_ref())?;
            (leave.member.clone(), Left::Left)
        };
        self.expel(&id, why, desk);
        self.after_removal(pen, desk);
        Ok(())
    }
}
