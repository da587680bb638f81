//! The names that the front, the wrapper of cargo and the process that runs the cells agree on. The
//! notebooks' crate knows them, too: see "Markers" in the README.

/// The environment variable that names the folder of the side channel, for evcxr_jupyter and all
/// processes below it. It is set only where a front reads their output.
pub const SIDE_CHANNEL: &str = "EVCXR_FRONT";

/// The Unix socket in that folder. It takes messages of the process that runs the cells.
pub const SOCKET: &str = "socket";

/// A file in that folder. It exists once the front reads evcxr_jupyter's output.
pub const LISTENING: &str = "listening";

/// A file in that folder. It exists while the running cell is asked to stop.
pub const INTERRUPT: &str = "interrupt";

/// A file in the kernel's directory. It contains the number of the cell that was compiled last, if
/// that cell has markers.
pub const MARKED: &str = "marked";

/// What a marker begins with in the output of a cell. Only the front sees markers.
pub const MARKER: &str = "\u{1}front ";
