//! How a value shows itself when it stands last in a cell.

/// Hands representations of one value to evcxr, which reads them from the standard output.
///
/// Each pair is a MIME type and the content, binary content in base64. The frontend shows the
/// richest that it understands. evcxr keeps one block of each MIME type per cell.
pub(crate) fn show(representations: &[(&str, String)]) {
    print!("{}", blocks(representations));
}

/// What evcxr reads of them.
pub(crate) fn blocks(representations: &[(&str, String)]) -> String {
    representations
        .iter()
        .map(|(mime, content)| {
            format!("EVCXR_BEGIN_CONTENT {mime}\n{content}\nEVCXR_END_CONTENT\n")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_what_evcxr_reads() {
        let text = blocks(&[("text/html", "<b>3</b>".into()), ("text/plain", "3".into())]);
        assert_eq!(
            text,
            "EVCXR_BEGIN_CONTENT text/html\n<b>3</b>\nEVCXR_END_CONTENT\n\
             EVCXR_BEGIN_CONTENT text/plain\n3\nEVCXR_END_CONTENT\n"
        );
    }
}
