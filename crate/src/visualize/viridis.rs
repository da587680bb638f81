//! The colour map viridis.

use super::colour::Colour;

/// Every fifth of the 256 colours of viridis, as 0xRRGGBB.
///
/// Source: Nathaniel Smith and Stéfan van der Walt, "mpl-colormaps" (2015), which its authors gave
/// into the public domain (CC0); the default of matplotlib. Straight lines between these 52 colours
/// deviate from the 256 by less than one step of a byte, between eight colours by 20.
const COLOURS: [u32; 52] = [
    0x44_0154, 0x46_085C, 0x47_1063, 0x48_1769, 0x48_1D6F, 0x48_2475, 0x47_2A7A, 0x46_307E,
    0x45_3781, 0x43_3D84, 0x41_4287, 0x3F_4889, 0x3D_4E8A, 0x3A_538B, 0x38_598C, 0x35_5E8D,
    0x33_638D, 0x31_688E, 0x2E_6D8E, 0x2C_718E, 0x2A_768E, 0x29_7B8E, 0x27_808E, 0x25_848E,
    0x23_898E, 0x21_8E8D, 0x20_928C, 0x1F_978B, 0x1E_9C89, 0x1F_A188, 0x21_A585, 0x24_AA83,
    0x28_AE80, 0x2E_B37C, 0x35_B779, 0x3D_BC74, 0x46_C06F, 0x50_C46A, 0x5A_C864, 0x65_CB5E,
    0x70_CF57, 0x7C_D250, 0x89_D548, 0x95_D840, 0xA2_DA37, 0xB0_DD2F, 0xBD_DF26, 0xCA_E11F,
    0xD8_E219, 0xE5_E419, 0xF1_E51D, 0xFD_E725,
];

/// Dark violet at 0, over blue and green, to yellow at 1; equal steps look equally large.
pub(super) fn viridis(fraction: f64) -> Colour {
    let last = COLOURS.len() - 1;
    let place = fraction.clamp(0.0, 1.0) * last as f64;
    let below = place as usize;
    let share = place - below as f64;
    let (from, to) = (COLOURS[below], COLOURS[(below + 1).min(last)]);
    let channel = |shift: u32| {
        let byte = |colour: u32| f64::from((colour >> shift) & 0xFF);
        (byte(from) + (byte(to) - byte(from)) * share).round() as u8
    };
    plotters::style::RGBColor(channel(16), channel(8), channel(0))
}

#[cfg(test)]
mod tests {
    use super::super::colour::luminance;
    use super::*;

    #[test]
    fn the_colours_are_those_of_matplotlib() {
        let known = [
            (0, [68, 1, 84]),
            (64, [59, 82, 139]),
            (127, [33, 144, 141]),
            (128, [33, 145, 140]),
            (191, [92, 200, 99]),
            (255, [253, 231, 37]),
        ];
        for (index, expected) in known {
            let colour = viridis(f64::from(index) / 255.0);
            for (found, expected) in [colour.0, colour.1, colour.2].into_iter().zip(expected) {
                assert!(
                    found.abs_diff(expected) <= 1,
                    "{colour:?} at {index} of 255"
                );
            }
        }
    }

    #[test]
    fn it_only_grows_lighter() {
        let levels: Vec<f64> = (0..=100)
            .map(|step| luminance(viridis(f64::from(step) / 100.0)))
            .collect();
        assert!(levels.windows(2).all(|pair| pair[1] > pair[0]));
    }
}
