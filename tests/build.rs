//! Has the linker replace the functions that copy numbers between a device and the host by functions that
//! count: see programs/count_copies.rs.

const COUNTED: [&str; 11] = [
    "at_copy_data",
    "at_double_value_at_indexes",
    "at_int64_value_at_indexes",
    "at_print",
    "at_tensor_of_blob",
    "at_tensor_of_data",
    "atg_equal",
    "atg_is_nonzero",
    "atg_masked_select",
    "atg_nonzero",
    "atg_to",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        for function in COUNTED {
            println!("cargo::rustc-link-arg-bin=count-copies=-Wl,--wrap={function}");
        }
    }
}
