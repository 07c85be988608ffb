//! Drawings: the head that all of ours have, in the colours of a light or a dark page.

/// Text, background and grid.
const STYLE: &str = "\
text{font-size:13px;font-family:system-ui,sans-serif;fill:#24292f}\
.title{font-size:16px;font-weight:600}.small{font-size:12px;fill:#57606a}.back{fill:#ffffff}.grid{stroke:#d0d7de}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.back{fill:#0d1117}.grid{stroke:#30363d}}";

/// The begin of a drawing of so many units; `style` comes behind that of all. `</svg>` ends it.
pub fn begin(
    (width, height): (f64, f64),
    style: &str,
    label: &str,
    (title, below): (&str, &str),
) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">\n\
         <style>{STYLE}{style}</style>\n<rect class=\"back\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n\
         <text class=\"title\" x=\"20\" y=\"30\">{}</text>\n\
         <text class=\"small\" x=\"20\" y=\"50\">{}</text>\n",
        escaped(label),
        escaped(title),
        escaped(below)
    )
}

/// Text as it may stand in a drawing.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
