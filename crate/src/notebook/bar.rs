//! A progress bar as HTML and as text.

use super::show::Representations;
use crate::text::escape;

/// A bar filled to a fraction between 0 and 1, with a text above it.
pub(crate) struct Bar {
    pub(super) fraction: f64,
    pub(crate) text: String,
}

impl Bar {
    /// A bar; a fraction out of range becomes 0 or 1.
    pub(crate) fn of(fraction: f64, text: String) -> Bar {
        Bar {
            fraction: fraction.clamp(0.0, 1.0),
            text,
        }
    }

    /// In the colours of JupyterLab's theme, light or dark; in other notebooks it is grey and blue.
    pub(crate) fn html(&self) -> String {
        let (text, percent) = (escape(&self.text), 100.0 * self.fraction);
        format!(
            "<div role=\"progressbar\" aria-valuenow=\"{percent:.0}\" aria-label=\"{text}\" \
             style=\"max-width:720px;font-variant-numeric:tabular-nums\">{text}\
             <div style=\"height:8px;margin:4px 0 8px;border-radius:4px;overflow:hidden;\
             background:var(--jp-layout-color3,#bdbdbd)\">\
             <div style=\"height:100%;width:{percent:.1}%;\
             background:var(--jp-brand-color1,#0072b2)\"></div></div></div>"
        )
    }

    pub(crate) fn representations(&self) -> Representations {
        vec![
            ("text/html", self.html()),
            ("text/plain", self.text.clone()),
        ]
    }

    /// The text without the bar, for work that has ended.
    pub(super) fn text_only(&self) -> Representations {
        let html = format!("<div>{}</div>", escape(&self.text));
        vec![("text/html", html), ("text/plain", self.text.clone())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_filled_to_its_fraction() {
        for (fraction, width) in [
            (-1.0, "width:0.0%"),
            (0.505, "width:50.5%"),
            (7.0, "width:100.0%"),
        ] {
            assert!(Bar::of(fraction, "<b>".into()).html().contains(width));
        }
        assert!(Bar::of(0.5, "<b>".into()).html().contains("&lt;b&gt;"));
    }
}
