//! Instances of plotters' generic functions, compiled once for all cells.
//!
//! plotters' functions are generic over the backend and the axes. A cell compiles those that no crate has compiled for the
//! same types. With the instances here, the first chart of a kernel takes 0.8 instead of 1.6 s, later ones 0.4 instead of
//! 1.0 s (`tests/kernel/test_plots.py`). This depends on the levels of optimisation in `kernel/README.md`.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

/// The result of plotters' functions.
type PlottersResult<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// Draws with each backend on the axes that notebooks use. It is only there to be compiled.
#[doc(hidden)]
pub fn shared_generics() {
    let mut document = String::new();
    let svg = SVGBackend::with_string(&mut document, (64, 48)).into_drawing_area();
    let _ = charts(&svg);
    let mut pixels = vec![0; 3 * 64 * 48];
    let bitmap = BitMapBackend::with_buffer(&mut pixels, (64, 48)).into_drawing_area();
    let _ = charts(&bitmap);
}

fn charts<DB: DrawingBackend>(root: &DrawingArea<DB, Shift>) -> PlottersResult<DB> {
    for area in root.titled("", ("sans-serif", 20))?.split_evenly((1, 2)) {
        area.fill(&WHITE)?;
        area.draw(&Text::new(String::new(), (0, 0), ("sans-serif", 20)))?;
        area.draw(&Rectangle::new([(0, 0), (1, 1)], RED.filled()))?;
    }
    lines(root, 0.0_f64..1.0, 0.0_f64..1.0)?;
    lines(root, 0.0_f32..1.0, 0.0_f32..1.0)?;
    bars(root)
}

fn lines<DB, X, Y, T>(root: &DrawingArea<DB, Shift>, x: X, y: Y) -> PlottersResult<DB>
where
    DB: DrawingBackend,
    T: Clone + Default + 'static,
    X: AsRangedCoord<Value = T>,
    Y: AsRangedCoord<Value = T>,
    X::CoordDescType: ValueFormatter<T>,
    Y::CoordDescType: ValueFormatter<T>,
{
    let mut chart = ChartBuilder::on(root)
        .caption("", ("sans-serif", 20))
        .margin(1)
        .x_label_area_size(1)
        .y_label_area_size(1)
        .build_cartesian_2d(x, y)?;
    chart.configure_mesh().x_desc("").y_desc("").draw()?;
    let points = vec![(T::default(), T::default())];
    chart
        .draw_series(LineSeries::new(points.clone(), &BLUE))?
        .label("")
        .legend(|(x, y)| PathElement::new(vec![(x, y), (x + 20, y)], BLUE));
    chart.draw_series(
        points
            .into_iter()
            .map(|at| Circle::new(at, 3, RED.filled())),
    )?;
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()
}

fn bars<DB: DrawingBackend>(root: &DrawingArea<DB, Shift>) -> PlottersResult<DB> {
    let mut chart = ChartBuilder::on(root)
        .caption("", ("sans-serif", 20))
        .margin(1)
        .x_label_area_size(1)
        .y_label_area_size(1)
        .build_cartesian_2d((0..3_u32).into_segmented(), 0..8_u32)?;
    chart.configure_mesh().disable_x_mesh().x_desc("").draw()?;
    let bars = Histogram::vertical(&chart).style(BLUE.filled());
    chart.draw_series(bars.data(super::bars(&[1])))?;
    Ok(())
}
