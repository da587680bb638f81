//! Counts for histograms of plotters.

/// Counts as the data of a histogram of plotters: the number of each bar, from 0, and its height.
///
/// ```
/// use gasshuku::visualize::bars;
///
/// assert_eq!(bars(&[4, 0, 2]), [(0, 4), (1, 0), (2, 2)]);
/// ```
///
/// In a chart whose x axis is `(0..3_u32).into_segmented()`:
/// `chart.draw_series(Histogram::vertical(&chart).data(bars(&counts)))?`. Counts above 2³² − 1 become 2³² − 1.
pub fn bars(counts: &[usize]) -> Vec<(u32, u32)> {
    let height = |&count: &usize| u32::try_from(count).unwrap_or(u32::MAX);
    (0..).zip(counts.iter().map(height)).collect()
}
