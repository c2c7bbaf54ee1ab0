//! Answers to the steps of an upload in parts, looked at before OpenDAL's service reads them: it takes any XML for one.

use quick_xml::events::Event;
use quick_xml::reader::Reader;

/// What begins and what ends an upload, and the member without which the answer says nothing. Ceph leaves the entity tag of
/// a finished one empty.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>
const STEPS: [(&str, &str); 2] =
    [("InitiateMultipartUploadResult", "UploadId"), ("CompleteMultipartUploadResult", "Key")];

/// Whether this is a whole answer to a step, which says that it was done.
pub(super) fn is_step(answer: &[u8]) -> bool {
    std::str::from_utf8(answer).ok().and_then(read).unwrap_or(false)
}

fn read(answer: &str) -> Option<bool> {
    let mut reader = Reader::from_str(answer);
    let mut open: Vec<String> = Vec::new();
    let mut wanted = None;
    let mut said = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_owned();
                if open.is_empty() {
                    wanted = Some(STEPS.iter().find(|(root, _)| *root == name)?.1);
                }
                open.push(name);
            }
            Event::Text(text) if open.len() == 2 && open.last().map(String::as_str) == wanted => {
                said |= !text.trim().is_empty();
            }
            Event::GeneralRef(_) if open.len() == 2 && open.last().map(String::as_str) == wanted => said = true,
            Event::End(_) => drop(open.pop()),
            Event::Eof => return Some(said && open.is_empty()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_answers_that_say_it_count() {
        for (answer, counts) in [
            (
                "<InitiateMultipartUploadResult><Bucket>b</Bucket><UploadId>u</UploadId></InitiateMultipartUploadResult>",
                true,
            ),
            (
                "<?xml version='1.0'?>\n\n<CompleteMultipartUploadResult xmlns='x'><Key>&amp;</Key><ETag></ETag></CompleteMultipartUploadResult>",
                true,
            ),
            ("<InitiateMultipartUploadResult><UploadId></UploadId></InitiateMultipartUploadResult>", false),
            ("<InitiateMultipartUploadResult><Bucket>b</Bucket></InitiateMultipartUploadResult>", false),
            ("<InitiateMultipartUploadResult><UploadId>u</UploadId>", false),
            ("<CompleteMultipartUploadResult/>", false),
            ("<Error><Code>InternalError</Code><Key>k</Key></Error>", false),
            ("<html><body><Key>e</Key></body></html>", false),
            ("", false),
            ("Key", false),
        ] {
            assert_eq!(is_step(answer.as_bytes()), counts, "{answer}");
        }
    }
}
