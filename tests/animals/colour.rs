//! Colours of fur and background, as red, green and blue from 0 to 255.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

pub(super) type Colour = [f64; 3];

const FURS: [Colour; 9] = [
    [44.0, 38.0, 42.0],
    [88.0, 58.0, 42.0],
    [138.0, 90.0, 54.0],
    [196.0, 148.0, 98.0],
    [224.0, 132.0, 54.0],
    [238.0, 214.0, 172.0],
    [112.0, 114.0, 124.0],
    [176.0, 178.0, 184.0],
    [244.0, 242.0, 238.0],
];
const BACKGROUNDS: [Colour; 10] = [
    [150.0, 204.0, 238.0],
    [64.0, 120.0, 186.0],
    [142.0, 196.0, 104.0],
    [46.0, 92.0, 62.0],
    [232.0, 212.0, 164.0],
    [186.0, 84.0, 74.0],
    [234.0, 238.0, 246.0],
    [30.0, 34.0, 56.0],
    [206.0, 162.0, 206.0],
    [98.0, 62.0, 108.0],
];
pub(super) const PINK: Colour = [226.0, 150.0, 150.0];
pub(super) const DARK: Colour = [34.0, 26.0, 28.0];
pub(super) const YELLOW: Colour = [255.0, 214.0, 20.0];
/// Light fur on a dark background is as frequent as dark fur on a light one, so that brightness alone does
/// not tell the animals apart.
pub(super) fn fur_and_background(random: &mut ChaCha8Rng) -> (Colour, Colour) {
    let lighter = random.gen_bool(0.5);
    loop {
        let fur = one_of(random, &FURS);
        let background = one_of(random, &BACKGROUNDS);
        let difference = brightness(fur) - brightness(background);
        if difference.abs() >= 55.0 && (difference > 0.0) == lighter {
            return (fur, background);
        }
    }
}

fn one_of(random: &mut ChaCha8Rng, colours: &[Colour]) -> Colour {
    let colour = colours[random.gen_range(0..colours.len())];
    similar(random, colour, 14.0)
}

pub(super) fn brightness([red, green, blue]: Colour) -> f64 {
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// A similar colour: brighter or darker, and with a slightly different hue.
pub(super) fn similar(random: &mut ChaCha8Rng, colour: Colour, most: f64) -> Colour {
    let all = random.gen_range(-most..most);
    colour.map(|value| (value + all + random.gen_range(-most..most) / 2.0).clamp(8.0, 247.0))
}

pub(super) fn mixed(one: Colour, other: Colour, share: f64) -> Colour {
    [0, 1, 2].map(|channel| one[channel] + share * (other[channel] - one[channel]))
}
