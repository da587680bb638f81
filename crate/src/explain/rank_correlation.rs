//! The similarity of the order of pixels in two heat maps.

/// Spearman's rank correlation: −1 (opposite order) to 1 (the same order).
///
/// The correlation of the ranks; equal values share the mean of their ranks. `None` where one side
/// is constant, so that there is no order to compare, or where the lengths differ. C. Spearman,
/// "The proof and measurement of association between two things", American Journal of Psychology
/// 15(1), 1904.
///
/// ```
/// use gasshuku::explain::rank_correlation;
/// assert_eq!(rank_correlation(&[1.0, 2.0, 3.0], &[10.0, 20.0, 900.0]), Some(1.0));
/// assert_eq!(rank_correlation(&[1.0, 2.0], &[5.0, 5.0]), None);
/// ```
pub fn rank_correlation(left: &[f32], right: &[f32]) -> Option<f64> {
    if left.len() != right.len() {
        return None;
    }
    let (left, right) = (ranks(left), ranks(right));
    // Whatever the ties, ranks add up to n(n + 1)/2.
    let mean = (left.len() as f64 + 1.0) / 2.0;
    let covariance = |one: &[f64], other: &[f64]| -> f64 {
        one.iter()
            .zip(other)
            .map(|(one, other)| (one - mean) * (other - mean))
            .sum()
    };
    let deviations = (covariance(&left, &left) * covariance(&right, &right)).sqrt();
    (deviations > 0.0).then(|| covariance(&left, &right) / deviations)
}

/// The rank of each value, counted from 1.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&one, &other| values[one].total_cmp(&values[other]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|&one, &other| values[one] == values[other]) {
        let shared = first as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|&index| ranks[index] = shared);
        first += equal.len();
    }
    ranks
}
