//! Where a line of text may end.
//!
//! Latin text breaks at spaces. Japanese has none: it breaks between any two characters, except
//! where a line would then start with a closing sign or end with an opening one (行頭禁則, 行末禁則
//! of JIS X 4051). Words in katakana stay whole where they fit into a line.

/// Signs that stand at no line's start: closing brackets, punctuation, small kana, repetition marks.
const NOT_AT_START: &str = "、。，．・：；！？）］｝〕〉》」』】〟ー～〜…‥’”％゛゜ヽヾゝゞ々\
    ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ,.:;!?)]}%";
/// Signs that stand at no line's end: opening brackets.
const NOT_AT_END: &str = "（［｛〔〈《「『【〝‘“([{";

/// A piece of text that no line break divides.
#[derive(Debug, PartialEq)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// Whether a space stands before it, unless it starts a line.
    pub(super) spaced: bool,
}

/// The pieces of a text, in order; a word in katakana is one if it fits into a line.
pub(super) fn pieces(text: &str, fits: impl Fn(&str) -> bool) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for word in text.split_whitespace() {
        let mut spaced = true;
        for whole in split(word, |before, after| {
            may_break(before, after) && !(is_katakana(before) && is_katakana(after))
        }) {
            let parts = if fits(whole) {
                vec![whole]
            } else {
                split(whole, may_break)
            };
            for text in parts {
                pieces.push(Piece { text, spaced });
                spaced = false;
            }
        }
    }
    pieces
}

fn split(word: &str, may_break: impl Fn(char, char) -> bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (place, before, after) in neighbours(word) {
        if may_break(before, after) {
            parts.push(&word[start..place]);
            start = place;
        }
    }
    parts.push(&word[start..]);
    parts
}

/// Every place between two characters, with the characters.
fn neighbours(word: &str) -> impl Iterator<Item = (usize, char, char)> + '_ {
    word.char_indices()
        .skip(1)
        .zip(word.chars())
        .map(|((place, after), before)| (place, before, after))
}

fn may_break(before: char, after: char) -> bool {
    (is_wide(before) || is_wide(after))
        && !NOT_AT_END.contains(before)
        && !NOT_AT_START.contains(after)
}

fn is_katakana(sign: char) -> bool {
    matches!(sign, 'ァ'..='ヺ' | 'ー')
}

/// Kana, kanji, their punctuation and full-width forms.
fn is_wide(sign: char) -> bool {
    matches!(sign, '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FFEF}'
        | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces with `|` between them.
    fn broken(text: &str) -> String {
        let pieces = pieces(text, |_| true);
        let texts: Vec<&str> = pieces.iter().map(|piece| piece.text).collect();
        texts.join("|")
    }

    #[test]
    fn latin_text_breaks_at_spaces_only() {
        let expected = [("true:", true), ("T-shirt/top", true)];
        let expected = expected.map(|(text, spaced)| Piece { text, spaced });
        assert_eq!(pieces("true:  T-shirt/top", |_| false), expected);
        assert_eq!(pieces(" ", |_| false), []);
    }

    #[test]
    fn japanese_text_breaks_between_characters() {
        assert_eq!(broken("訓練の前"), "訓|練|の|前");
        assert_eq!(broken("LeNetの層"), "LeNet|の|層");
        assert_eq!(broken("画像 12 枚"), "画|像|12|枚");
        let pieces = pieces("画像 12 枚", |_| true);
        let spaced: Vec<bool> = pieces.iter().map(|one| one.spaced).collect();
        assert_eq!(spaced, [true, false, true, true]);
    }

    #[test]
    fn no_line_starts_with_a_closing_sign_or_ends_with_an_opening_one() {
        assert_eq!(broken("はい、「靴」です。"), "は|い、|「靴」|で|す。");
        assert_eq!(broken("層（畳み込み）"), "層|（畳|み|込|み）");
        assert_eq!(broken("もっと早い"), "もっ|と|早|い");
        assert_eq!(broken("人々の(約)9%と"), "人々|の|(約)9%|と");
    }

    #[test]
    fn katakana_words_stay_whole_where_they_fit() {
        assert_eq!(
            broken("次のエポック・バッチへ"),
            "次|の|エポック・|バッチ|へ"
        );
        let narrow = pieces("チェック データ", |piece| piece.chars().count() < 4);
        let texts: Vec<&str> = narrow.iter().map(|piece| piece.text).collect();
        assert_eq!(texts, ["チェッ", "ク", "データ"]);
    }
}
