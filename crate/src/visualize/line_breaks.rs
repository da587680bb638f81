//! Where a line of text may end.
//!
//! Latin text is broken at spaces. Japanese has no spaces: it is broken where Unicode's rules (UAX 14) allow it. That is
//! between any two characters, unless the next line would then start with a closing bracket or the like, or this one end
//! with an opening one. Words in katakana are not broken if they fit into a line.

use unicode_linebreak::linebreaks;

use super::font::is_japanese;

/// A piece of text without a line break.
#[derive(Debug, PartialEq)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// Whether a space separates it from the piece before it.
    pub(super) after_space: bool,
}

/// The pieces of a text, in order. A word in katakana is one piece if it fits into a line.
pub(super) fn pieces(text: &str, fits: impl Fn(&str) -> bool) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for word in text.split_whitespace() {
        let mut after_space = true;
        for whole in split(word, |before, after| {
            !(is_katakana(before) && is_katakana(after))
        }) {
            let parts = match fits(whole) {
                true => vec![whole],
                false => split(whole, |_, _| true),
            };
            for text in parts {
                pieces.push(Piece { text, after_space });
                after_space = false;
            }
        }
    }
    pieces
}

/// The parts of a word, divided at Japanese characters where the rules and `may_break` allow it.
fn split(word: &str, may_break: impl Fn(char, char) -> bool) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    for (index, _) in linebreaks(word) {
        let (before, after) = word.split_at(index);
        let is_break = match (before.chars().next_back(), after.chars().next()) {
            (Some(one), Some(next)) => {
                (is_japanese(one) || is_japanese(next)) && may_break(one, next)
            }
            _ => true,
        };
        if is_break {
            parts.push(&word[start..index]);
            start = index;
        }
    }
    parts
}

fn is_katakana(character: char) -> bool {
    matches!(character, 'ァ'..='ヺ' | 'ー')
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
        let expected = expected.map(|(text, after_space)| Piece { text, after_space });
        assert_eq!(pieces("true:  T-shirt/top", |_| false), expected);
        assert_eq!(pieces(" ", |_| false), []);
    }

    #[test]
    fn japanese_text_breaks_between_characters() {
        assert_eq!(broken("訓練の前"), "訓|練|の|前");
        assert_eq!(broken("LeNetの層"), "LeNet|の|層");
        assert_eq!(broken("画像 12 枚"), "画|像|12|枚");
        let pieces = pieces("画像 12 枚", |_| true);
        let after_space: Vec<bool> = pieces.iter().map(|one| one.after_space).collect();
        assert_eq!(after_space, [true, false, true, true]);
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
