//! A small plot as SVG: points joined by lines, both axes logarithmic.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;
const COLOURS: [&str; 4] = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd"];

/// One line of a plot.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// The contents of a plot.
pub struct Plot<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub y: &'a str,
    /// Marks on the axis of x, with their texts.
    pub marks: Vec<(f64, String)>,
    pub lines: Vec<Line>,
}

impl Plot<'_> {
    /// The plot as a file's text.
    pub fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| line.points.iter());
        let (x0, x1) = range(points().map(|(x, _)| *x));
        let (y0, y1) = range(points().map(|(_, y)| *y));
        let (y0, y1) = (10_f64.powf(y0.log10().floor()), 10_f64.powf(y1.log10().ceil()));
        let place = |value: f64, low: f64, high: f64, from: f64, to: f64| {
            let share = (value.ln() - low.ln()) / (high.ln() - low.ln()).max(1e-9);
            from + share * (to - from)
        };
        let at_x = |x: f64| place(x, x0, x1, LEFT, WIDTH - RIGHT);
        let at_y = |y: f64| place(y, y0, y1, HEIGHT - BOTTOM, TOP);
        let mut out = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' \
             font-family='sans-serif' font-size='12'>\n<rect width='100%' height='100%' fill='white'/>\n\
             <text x='{LEFT}' y='20' font-size='15'>{}</text>\n",
            self.title
        );
        let mut add = |text: String| {
            out.push_str(&text);
            out.push('\n');
        };
        for (x, text) in &self.marks {
            let (x, bottom) = (at_x(*x), HEIGHT - BOTTOM);
            add(format!("<path d='M{x:.1} {TOP}V{bottom}' stroke='#ddd'/>"));
            let y = bottom + 16.0;
            add(format!("<text x='{x:.1}' y='{y}' text-anchor='middle'>{text}</text>"));
        }
        let mut decade = y0;
        while decade <= y1 * 1.001 {
            let y = at_y(decade);
            let (right, label) = (WIDTH - RIGHT, LEFT - 6.0);
            add(format!("<path d='M{LEFT} {y:.1}H{right}' stroke='#ddd'/>"));
            let text = y + 4.0;
            add(format!("<text x='{label}' y='{text:.1}' text-anchor='end'>{decade}</text>"));
            decade *= 10.0;
        }
        let (middle, low) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14.0);
        add(format!("<text x='{middle}' y='{low}' text-anchor='middle'>{}</text>", self.x));
        add(format!(
            "<text transform='translate(16 {}) rotate(-90)' text-anchor='middle'>{}</text>",
            (TOP + HEIGHT - BOTTOM) / 2.0,
            self.y
        ));
        for (index, (line, colour)) in self.lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let mut path = String::new();
            for (x, y) in &line.points {
                let step = if path.is_empty() { 'M' } else { 'L' };
                let _ = write!(path, "{step}{:.1} {:.1}", at_x(*x), at_y(*y));
                add(format!(
                    "<circle cx='{:.1}' cy='{:.1}' r='3' fill='{colour}'/>",
                    at_x(*x),
                    at_y(*y)
                ));
            }
            add(format!("<path d='{path}' fill='none' stroke='{colour}' stroke-width='1.5'/>"));
            let (x, y) = (LEFT + 10.0 + 140.0 * index as f64, 40.0);
            add(format!("<text x='{x}' y='{y}' fill='{colour}'>{}</text>", line.name));
        }
        out.push_str("</svg>\n");
        out
    }
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values
        .fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), value| (low.min(value), high.max(value)))
}
