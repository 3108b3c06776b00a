//! What the client is told of parameters that change. A connection goes back to what itself began
//! with; the client hears of what its session has begun with.

use bytes::Bytes;
use rowhouse_protocol::backend::ParameterStatus;
use rowhouse_protocol::frame::HEADER_LEN;
use rowhouse_protocol::response;

use super::Dialogue;
use super::expected::Expected;

impl Dialogue {
    /// PostgreSQL reports a parameter.
    pub(super) fn hear_report(&mut self, frame: &Bytes) {
        self.traces.reported = true;
        let ours = self.expected.front().is_some_and(Expected::ends_settings);
        let body = frame.get(HEADER_LEN..).unwrap_or_default();
        let report = ParameterStatus::decode(body).ok();
        let begun =
            |name: &str| self.settings.iter().position(|own| own.0.eq_ignore_ascii_case(name));
        let place = report.as_ref().and_then(|report| begun(report.name));
        let (Some(report), Some(place)) = (report, place) else {
            if !ours {
                self.tell_reported(frame);
            }
            return;
        };
        let Some((_, first)) = self.settings.get(place) else { return };
        let value = if ours || self.sayings.resets(place) { first.as_str() } else { report.value };
        let known = self.reported.iter().position(|(own, _)| *own == place);
        let last = known.and_then(|at| self.reported.get(at)).map_or(first, |(_, last)| last);
        if last == value {
            return;
        }
        let mut words = bytes::BytesMut::new();
        response::parameter_status(&mut words, report.name, value);
        let value = value.to_owned();
        self.reported.retain(|(own, _)| *own != place);
        self.reported.push((place, value));
        self.tell_reported(&words);
    }

    /// It comes behind what has made it so.
    fn tell_reported(&mut self, frame: &[u8]) {
        match &mut self.completion {
            Some(held) => held.extend_from_slice(frame),
            None => self.to_client.extend_from_slice(frame),
        }
    }
}
