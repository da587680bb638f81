//! The positions of the layers and their texts.

use super::super::colour::{BACKGROUND, blend};
use super::super::prelude::*;
use super::connection::{
    PlacedLayer, draw_arrow, draw_full_connection, draw_receptive_field, receptive_field,
};
use super::layer::{DiagramLayer, without_breaks};
use super::outline::{Largest, Outline};

/// The width of the picture, unless the texts of many layers need more or few layers need less.
const WIDTH: f64 = 900.0;
const MIN_WIDTH: f64 = 320.0;
const MIN_GAP: f64 = 34.0;
const MAX_GAP: f64 = 100.0;
/// Names are broken at this width.
const NAME_WIDTH: f64 = 84.0;
const OPERATION_WIDTH: f64 = 130.0;
/// The space between texts side by side.
const TEXT_GAP: f64 = 10.0;
const LINE: f64 = 14.5;
/// The space between the drawings and the texts above and below them.
const SPACE: f64 = 12.0;
/// The scales of the drawings that are tried in this order until everything fits into the width, and whether operations
/// are broken into short lines.
const ATTEMPTS: [(f64, bool); 8] = [
    (1.0, false),
    (0.9, false),
    (0.8, false),
    (1.0, true),
    (0.9, true),
    (0.8, true),
    (0.7, true),
    (0.6, true),
];

/// A layer with its texts.
struct Block<'a> {
    layer: &'a DiagramLayer,
    outline: Outline,
    /// What is written above it: the lines of its name, then its shape.
    label: Vec<String>,
    /// What is written below it, in the gap to the layer before.
    operation: Vec<String>,
    fill: Colour,
    /// The left edge.
    left: f64,
}

impl<'a> Block<'a> {
    fn new(
        layer: &'a DiagramLayer,
        is_input: bool,
        outline: Outline,
        is_broken: bool,
    ) -> Block<'a> {
        let mut label = text::wrapped(&layer.name, SMALL, true, NAME_WIDTH, 3);
        label.push(layer.shape_text());
        let operation = operation_lines(layer, is_broken);
        let fill = match layer.parameters {
            _ if is_input => GRID,
            0 => blend(BACKGROUND, BLUE, 0.1),
            _ => blend(BACKGROUND, BLUE, 0.32),
        };
        Block {
            layer,
            outline,
            label,
            operation,
            fill,
            left: 0.0,
        }
    }

    fn width(&self) -> f64 {
        self.outline.width()
    }

    fn right(&self) -> f64 {
        self.left + self.width()
    }

    fn placed(&self, middle: f64) -> PlacedLayer<'_> {
        PlacedLayer {
            outline: self.outline,
            at: (self.left, middle),
            shape: &self.layer.shape,
        }
    }

    fn label_width(&self) -> f64 {
        let widths = self.label.iter().map(|line| text::width(line, SMALL, true));
        widths.fold(0.0, f64::max)
    }

    fn operation_width(&self) -> f64 {
        text::max_width(&self.operation, SMALL)
    }

    /// How much wider the label is than the drawing, at each side.
    fn overhang(&self) -> f64 {
        (self.label_width() - self.width()).max(0.0) / 2.0
    }
}

fn operation_lines(layer: &DiagramLayer, is_broken: bool) -> Vec<String> {
    let texts = layer.operation_texts();
    let lines = texts.iter().flat_map(|text| {
        let text = match is_broken {
            true => text.clone(),
            false => without_breaks(text),
        };
        text::wrapped(&text, SMALL, false, OPERATION_WIDTH, 3)
    });
    lines.collect()
}

/// All layers with their positions.
pub(super) struct Layout<'a> {
    blocks: Vec<Block<'a>>,
    pub(super) width: f64,
}

impl Layout<'_> {
    /// The first attempt that fits into the width, or else the narrowest.
    pub(super) fn fitting(layers: &[DiagramLayer]) -> Layout<'_> {
        let attempt = |(scale, is_broken)| Layout::new(layers, scale, is_broken);
        let widths = ATTEMPTS.map(|settings| attempt(settings).width);
        let least = widths.into_iter().fold(f64::INFINITY, f64::min).max(WIDTH);
        let index = widths.iter().position(|&width| width <= least);
        attempt(ATTEMPTS[index.unwrap_or(0)])
    }

    fn new(layers: &[DiagramLayer], scale: f64, is_broken: bool) -> Layout<'_> {
        let largest = Largest::of(layers.iter().map(|layer| layer.shape.as_slice()));
        let block = |(index, layer)| {
            let layer: &DiagramLayer = layer;
            let outline = Outline::new(&layer.shape, largest, scale);
            Block::new(layer, index == 0, outline, is_broken)
        };
        let mut blocks: Vec<Block> = layers.iter().enumerate().map(block).collect();
        let overhang = |block: Option<&Block>| block.map_or(0.0, Block::overhang);
        let ends = [overhang(blocks.first()), overhang(blocks.last())];
        let gaps = gaps(&blocks, WIDTH - 2.0 * MARGIN - ends[0] - ends[1]);
        let mut right = MARGIN + ends[0];
        for (block, gap) in blocks.iter_mut().zip(gaps) {
            block.left = right + gap;
            right = block.left + block.width();
        }
        Layout {
            blocks,
            width: (right + ends[1] + MARGIN).max(MIN_WIDTH),
        }
    }

    fn largest(&self, length: impl Fn(&Block) -> f64) -> f64 {
        self.blocks.iter().map(length).fold(0.0, f64::max)
    }

    fn label_height(&self) -> f64 {
        LINE * self.largest(|block| block.label.len() as f64) + SPACE
    }

    fn drawing_height(&self) -> f64 {
        self.largest(|block| block.outline.height())
    }

    pub(super) fn height(&self) -> f64 {
        let operations = LINE * self.largest(|block| block.operation.len() as f64);
        self.label_height() + self.drawing_height() + SPACE + operations
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, top: f64) {
        let (above, half) = (top + self.label_height(), self.drawing_height() / 2.0);
        let (middle, below) = (above + half, above + 2.0 * half + SPACE);
        let pairs = || self.blocks.iter().zip(self.blocks.iter().skip(1));
        let field = |(from, to): (&Block, &Block)| {
            let field = to.layer.receptive_field?;
            receptive_field(from.placed(middle), to.placed(middle), field)
        };
        for (from, to) in pairs().filter(|pair| field(*pair).is_none()) {
            draw_connection(canvas, from, to, middle);
        }
        for block in &self.blocks {
            let placed = block.placed(middle);
            placed.outline.draw(canvas, placed.at, block.fill);
            draw_label(canvas, block, above - SPACE);
        }
        for (from, to) in pairs() {
            let gap = (from.right(), to.left);
            draw_operation(canvas, to, ((gap.0 + gap.1) / 2.0, below));
        }
        for areas in pairs().filter_map(field) {
            draw_receptive_field(canvas, areas);
        }
    }
}

/// The space before each block: as much as the texts need, and more where the width allows it.
fn gaps(blocks: &[Block], width: f64) -> Vec<f64> {
    let mut gaps = vec![0.0];
    for (from, to) in blocks.iter().zip(blocks.iter().skip(1)) {
        let labels = from.overhang() + to.overhang() + TEXT_GAP;
        gaps.push(labels.max(MIN_GAP));
    }
    // Each operation is centred in the gap before its block.
    for (index, to) in blocks.iter().enumerate().skip(2) {
        let from = &blocks[index - 1];
        let operations = (from.operation_width() + to.operation_width()) / 2.0 + TEXT_GAP;
        for gap in &mut gaps[index - 1..=index] {
            *gap = gap.max(operations - from.width());
        }
    }
    let drawn: f64 = blocks.iter().map(Block::width).sum();
    let spare = (width - drawn - gaps.iter().sum::<f64>()).max(0.0);
    let more = spare / (gaps.len() - 1).max(1) as f64;
    for gap in &mut gaps[1..] {
        *gap = (*gap + more).min(gap.max(MAX_GAP));
    }
    gaps
}

fn draw_connection(canvas: &mut Canvas, from: &Block, to: &Block, middle: f64) {
    let is_full = to.layer.parameters > 0 && to.layer.shape.len() < 2;
    let (from, to) = (from.placed(middle), to.placed(middle));
    match is_full {
        true => draw_full_connection(canvas, from, to),
        false => draw_arrow(canvas, from, to),
    }
}

/// Draws a label whose last line has the baseline `bottom`.
fn draw_label(canvas: &mut Canvas, block: &Block, bottom: f64) {
    let centre = block.left + block.width() / 2.0;
    for (line, content) in block.label.iter().rev().enumerate() {
        let at = (centre, bottom - LINE * line as f64);
        let is_name = line > 0;
        let text = Text::new(content, at, SMALL).centred().bold(is_name);
        canvas.text(text);
    }
}

fn draw_operation(canvas: &mut Canvas, block: &Block, (centre, top): Point) {
    for (line, content) in (1..).zip(&block.operation) {
        let at = (centre, top + LINE * f64::from(line) - 3.0);
        canvas.text(Text::new(content, at, SMALL).muted().centred());
    }
}
