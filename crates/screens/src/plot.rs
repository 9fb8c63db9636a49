//! A plot of two lines over time: as text for a terminal, and as SVG.

use std::fmt::Write;
use std::io::IsTerminal;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::symbols::Marker;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};

/// The SVG's measures, in pixels.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 90.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 40.0;
const COLOURS: [&str; 2] = ["#1f77b4", "#ff7f0e"];

/// Columns and lines of the terminal that standard output is; `None` where it is none.
pub fn terminal_size() -> Option<(u16, u16)> {
    std::io::stdout().is_terminal().then(|| crossterm::terminal::size().ok()).flatten()
}

/// Two lines over a time.
pub struct Plot {
    /// Its heading.
    pub title: String,
    /// The names of the lines.
    pub names: [&'static str; 2],
    /// Their points, by the nanoseconds since 1970; a line is broken where a point has no value.
    pub lines: [Vec<(u64, Option<f64>)>; 2],
    /// The first and the last time, nanoseconds since 1970, and as people read them.
    pub span: (u64, u64),
    /// The same as people read them.
    pub labels: [String; 2],
    /// A figure of the lines as people read it.
    pub figure: fn(f64) -> String,
}

impl Plot {
    /// The highest value that is to be shown.
    fn highest(&self) -> f64 {
        let values = self.lines.iter().flatten().filter_map(|(_, value)| *value);
        let highest = values.fold(0.0, f64::max);
        if highest > 0.0 { highest * 1.05 } else { 1.0 }
    }

    /// The unbroken parts of a line: places from 0 to 1 in the time, and values.
    fn parts(&self, line: usize) -> Vec<Vec<(f64, f64)>> {
        let length = self.span.1.saturating_sub(self.span.0).max(1) as f64;
        let points = self.lines.get(line).map(Vec::as_slice).unwrap_or_default();
        let mut parts = vec![Vec::new()];
        for (time, value) in points {
            let place = time.saturating_sub(self.span.0) as f64 / length;
            match (value, parts.last_mut()) {
                (Some(value), Some(part)) => part.push((place, *value)),
                (None, Some(part)) if !part.is_empty() => parts.push(Vec::new()),
                _ => {}
            }
        }
        parts.retain(|part| !part.is_empty());
        parts
    }

    /// The plot as lines of text.
    pub fn text(&self, width: u16, height: u16) -> String {
        let area = Rect::new(0, 0, width.clamp(40, 300), height.clamp(8, 100));
        let markers = [Marker::Braille, Marker::Dot];
        let parts = [self.parts(0), self.parts(1)];
        let datasets = parts.iter().zip(markers).flat_map(|(parts, marker)| {
            parts.iter().map(move |part| {
                Dataset::default().marker(marker).graph_type(GraphType::Line).data(part)
            })
        });
        let highest = self.highest();
        let figures = [0.0, highest / 2.0, highest].map(self.figure);
        let chart = Chart::new(datasets.collect())
            .x_axis(Axis::default().bounds([0.0, 1.0]).labels(self.labels.clone()))
            .y_axis(Axis::default().bounds([0.0, highest]).labels(figures));
        let mut buffer = Buffer::empty(area);
        chart.render(area, &mut buffer);
        let [first, second] = self.names;
        let mut text = format!("{}    ⠒ {first}    • {second}\n", self.title);
        for cells in buffer.content.chunks(usize::from(area.width)) {
            let line: String = cells.iter().map(|cell| cell.symbol()).collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// The plot as an SVG.
    pub fn svg(&self) -> String {
        let highest = self.highest();
        let (right, bottom) = (WIDTH - 20.0, HEIGHT - BOTTOM);
        let x = |place: f64| LEFT + place * (right - LEFT);
        let y = |value: f64| bottom - value / highest * (bottom - TOP);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        let mut text = |at: (f64, f64), anchor: &str, colour: &str, text: &str| {
            let text = escaped(text);
            let (x, y) = at;
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{text}</text>"
            );
        };
        text((LEFT, 20.0), "start", "black", &self.title);
        for (line, (name, colour)) in self.names.iter().zip(COLOURS).enumerate() {
            text((right - 90.0 * (1.0 - line as f64), 20.0), "end", colour, name);
        }
        for value in [0.0, highest / 2.0, highest] {
            text((LEFT - 8.0, y(value) + 4.0), "end", "black", &(self.figure)(value));
        }
        text((LEFT, bottom + 20.0), "start", "black", &self.labels[0]);
        text((right, bottom + 20.0), "end", "black", &self.labels[1]);
        for value in [0.0, highest / 2.0, highest] {
            let y = y(value);
            let _ = writeln!(svg, "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#ddd\"/>");
        }
        for (line, colour) in COLOURS.iter().enumerate() {
            for part in self.parts(line) {
                let points = part.iter().map(|(place, value)| (x(*place), y(*value)));
                let points = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>();
                let _ = writeln!(
                    svg,
                    "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" stroke-linecap=\"round\" points=\"{}\"/>",
                    points.join(" ")
                );
            }
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// A text within XML.
fn escaped(text: &str) -> String {
    nfm_frame::escaped(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        let point = |second: u64| (second, (!(30..60).contains(&second)).then_some(50.0));
        Plot {
            title: "CPU of a <guest>".to_owned(),
            names: ["guest", "host"],
            lines: [(0..=100).map(point).collect(), vec![(0, Some(100.0)), (100, Some(0.0))]],
            span: (0, 100),
            labels: ["14:00".to_owned(), "15:00".to_owned()],
            figure: |value| format!("{value:.0}"),
        }
    }

    #[test]
    fn a_gap_is_a_gap() {
        let text = plot().text(80, 20);
        for part in ["CPU of a <guest>", "14:00", "15:00", "105", "\n0   │"] {
            assert!(text.contains(part), "no {part} in\n{text}");
        }
        let svg = plot().svg();
        assert_eq!(svg.matches("<polyline").count(), 3, "{svg}");
        assert!(svg.contains("CPU of a &lt;guest&gt;") && svg.ends_with("</svg>\n"), "{svg}");
        // The level line has columns without a mark.
        let has_marks = |line: &&str| {
            line.chars().filter(|c| ('\u{2801}'..='\u{28ff}').contains(c)).count() > 20
        };
        let level = text.lines().skip(1).find(has_marks).expect("the level line");
        let marks =
            level.trim_end().chars().filter(|c| ('\u{2801}'..='\u{28ff}').contains(c)).count();
        assert!((40..62).contains(&marks), "{marks} marks in\n{text}");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let empty = Plot { lines: [Vec::new(), vec![(5, None)]], ..plot() };
        assert!(empty.text(10, 1).contains("14:00") && !empty.svg().contains("<polyline"));
    }
}
