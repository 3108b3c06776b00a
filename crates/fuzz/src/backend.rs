//! What a server sends: a stream of messages, and the answer that is written of it.

use rowhouse_data_api::fault::Fault;
use rowhouse_data_api::field::ResultSetOptions;
use rowhouse_data_api::result::{RecordsFormat, ResponseOptions, ResponseWriter};
use rowhouse_protocol::backend::{
    Authentication, BackendKeyData, Columns, CommandTag, DataRow, ErrorFields, ParameterStatus,
    ReadyForQuery, parameter_types, tag,
};
use rowhouse_protocol::frame;

use crate::json_object;

/// Small, so that short inputs meet it.
const BODY_BYTES_MAX: usize = 4096;
const RESULT_BYTES_MAX: usize = 2048;

/// Cuts the stream into messages, decodes each, and answers a caller with them.
pub fn backend(data: &[u8]) {
    let mut rest = data;
    let mut answer = Answer::new();
    while let Ok(Some((header, body))) = frame::split(rest, BODY_BYTES_MAX) {
        assert_eq!(header.body_len(), body.len());
        assert!(header.len <= rest.len());
        rest = rest.get(header.len..).unwrap_or_default();
        answer.message(header.tag, body);
    }
}

/// The answers that grow of one stream, in both formats.
struct Answer {
    columns: Option<Columns>,
    writers: Vec<ResponseWriter>,
}

impl Answer {
    fn new() -> Self {
        Self { columns: None, writers: Vec::new() }
    }

    fn message(&mut self, kind: u8, body: &[u8]) {
        match kind {
            tag::AUTHENTICATION => drop(Authentication::decode(body)),
            tag::BACKEND_KEY_DATA => {
                if let Ok(key) = BackendKeyData::decode(body) {
                    assert!(key.secret.len() <= BackendKeyData::SECRET_LEN_MAX);
                }
            }
            tag::PARAMETER_STATUS => drop(ParameterStatus::decode(body)),
            tag::READY_FOR_QUERY => drop(ReadyForQuery::decode(body)),
            tag::PARAMETER_DESCRIPTION => {
                if let Ok(types) = parameter_types(body) {
                    assert!(types.len() <= body.len());
                }
            }
            tag::ERROR_RESPONSE | tag::NOTICE_RESPONSE => error(body),
            tag::ROW_DESCRIPTION => self.describe(body),
            tag::DATA_ROW => self.row(body),
            tag::COMMAND_COMPLETE => self.finish(body),
            _ => {}
        }
    }

    fn describe(&mut self, body: &[u8]) {
        let Ok(columns) = Columns::decode(body) else {
            return;
        };
        let formats = [RecordsFormat::Fields, RecordsFormat::Json];
        let writers = formats.into_iter().filter_map(|records_format| {
            let options = ResponseOptions {
                include_result_metadata: true,
                result_set_options: ResultSetOptions::default(),
                records_format,
                result_bytes_max: RESULT_BYTES_MAX,
                strict: body.len() % 2 == 1,
            };
            ResponseWriter::new(&options, Some(&columns), &[]).ok()
        });
        self.writers = writers.collect();
        self.columns = Some(columns);
    }

    fn row(&mut self, body: &[u8]) {
        let Ok(row) = DataRow::decode(body) else {
            return;
        };
        assert_eq!(row.iter().count(), row.len());
        let bytes: usize = row.iter().map(|value| value.map_or(0, <[u8]>::len)).sum();
        assert!(bytes <= body.len());
        // A row of another width is no answer to this description.
        let width = self.columns.as_ref().map(|columns| columns.columns.len());
        if width == Some(row.len()) {
            self.writers.retain_mut(|writer| writer.row(row).is_ok());
        }
    }

    fn finish(&mut self, body: &[u8]) {
        let Ok(tag) = CommandTag::decode(body) else {
            return;
        };
        for writer in self.writers.drain(..) {
            let object = json_object(&writer.finish(tag));
            let records = object.get("records").or_else(|| object.get("formattedRecords"));
            assert!(records.is_some(), "{object:?}");
            if let Some(text) = object.get("formattedRecords").and_then(|text| text.as_str()) {
                let records = serde_json::from_str::<Vec<serde_json::Value>>(text);
                assert!(records.is_ok(), "{text}");
            }
        }
    }
}

fn error(body: &[u8]) {
    let Ok(fields) = ErrorFields::decode(body) else {
        return;
    };
    assert!(fields.iter().map(|(_, value)| value.len()).sum::<usize>() <= body.len());
    let fault = Fault::from_server_error(&fields.to_owned(), |position| position);
    assert!(!json_object(&fault.body()).is_empty());
    assert_eq!(fault.exception.status(), 400);
}
