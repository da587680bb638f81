use super::*;
use crate::atomic_file::check_writable;
use tch::nn;

fn two_layers() -> VarStore {
    let variables = VarStore::new(Device::Cpu);
    nn::linear(variables.root() / "first", 3, 2, Default::default());
    nn::linear(variables.root() / "second", 2, 1, Default::default());
    variables
}

fn copy_error(change: impl FnOnce(&mut StateDict)) -> String {
    let variables = two_layers();
    let mut state = StateDict::of(&two_layers());
    change(&mut state);
    let before = StateDict::of(&variables).tensors["first.bias"].copy();
    let error = state
        .copy_into(&variables, Path::new("w.safetensors"))
        .expect_err("does not fit");
    assert_eq!(
        StateDict::of(&variables).tensors["first.bias"],
        before,
        "nothing was copied"
    );
    error.to_string()
}

#[test]
fn a_file_contains_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/w.safetensors");
    let mut state = StateDict::of(&two_layers());
    state
        .tensors
        .insert("steps".into(), Tensor::from_slice(&[7i64, -9]));
    state
        .metadata
        .insert("note".into(), "ünïcode \"quoted\"".into());
    state.write(&path).unwrap();
    let read = StateDict::read(&path).unwrap();
    assert_eq!(read.metadata, state.metadata);
    assert_eq!(
        read.tensors.keys().collect::<Vec<_>>(),
        state.tensors.keys().collect::<Vec<_>>()
    );
    for (name, tensor) in &read.tensors {
        assert_eq!(tensor, &state.tensors[name], "{name}");
    }
    assert!(!path.with_file_name("w.safetensors.partial").exists());
}

#[test]
fn a_transposed_tensor_is_written_in_its_own_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let tensor = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0])
        .reshape([2, 3])
        .tr();
    let tensors = BTreeMap::from([("t".to_string(), tensor)]);
    StateDict {
        tensors,
        ..Default::default()
    }
    .write(&path)
    .unwrap();
    let read = StateDict::read(&path).unwrap();
    let numbers = Vec::<f32>::try_from(read.tensors["t"].flatten(0, -1)).unwrap();
    assert_eq!(numbers, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
}

#[test]
fn the_error_for_a_mismatch_names_tensor_and_shapes() {
    let missing = copy_error(|state| drop(state.tensors.remove("second.bias")));
    assert_eq!(
        missing,
        "w.safetensors: tensor second.bias: it is missing; the model needs it in shape [1]"
    );
    let shape = copy_error(|state| {
        drop(
            state
                .tensors
                .insert("first.weight".into(), Tensor::from_slice(&[1f32])),
        )
    });
    assert_eq!(
        shape,
        "w.safetensors: tensor first.weight: its shape is [1] in the file, [2, 3] in the model"
    );
    let surplus = copy_error(|state| {
        drop(
            state
                .tensors
                .insert("third.bias".into(), Tensor::from_slice(&[1f32])),
        )
    });
    assert_eq!(
        surplus,
        "w.safetensors: tensor third.bias: the model has no such tensor; in the file its shape is [1]"
    );
}

#[test]
fn a_file_cut_short_anywhere_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    StateDict::of(&two_layers()).write(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let message = StateDict::read(&path).expect_err("cut short").to_string();
        assert!(message.contains("w.safetensors: "), "{length}: {message}");
    }
}

#[test]
fn a_wrong_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.png");
    let missing = StateDict::read(&path).expect_err("missing").to_string();
    assert!(
        missing.starts_with("cannot read ") && missing.contains("picture.png"),
        "{missing}"
    );
    fs::write(&path, b"\x89PNG\r\n\x1a\n and so on and so on").unwrap();
    let wrong = StateDict::read(&path).expect_err("a picture").to_string();
    assert!(
        wrong.contains("picture.png: this is not a safetensors file"),
        "{wrong}"
    );
    let enormous = [u64::MAX.to_le_bytes().as_slice(), b"{}"].concat();
    fs::write(&path, enormous).unwrap();
    assert!(StateDict::read(&path).is_err());
}

/// A file with this header, followed by these bytes.
fn file_of(header: &str, bytes: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [length.as_slice(), header.as_bytes(), bytes].concat()
}

fn parse_error(content: &[u8]) -> String {
    let parsed = StateDict::parse(content, Path::new("w.safetensors"));
    parsed.expect_err("cannot be used").to_string()
}

#[test]
fn sizes_that_overflow_are_an_error() {
    // The end overflows when the position of the first tensor is added to it.
    let end = u64::MAX - 7;
    let header = format!(r#"{{"t":{{"dtype":"U8","shape":[{end}],"data_offsets":[0,{end}]}}}}"#);
    assert!(parse_error(&file_of(&header, &[])).starts_with("w.safetensors: "));
    let nothing = r#"{"t":{"dtype":"F32","shape":[0,9223372036854775808],"data_offsets":[0,0]}}"#;
    let message = parse_error(&file_of(nothing, &[]));
    assert!(message.contains("is larger than any memory"), "{message}");
}

#[test]
fn files_of_other_programs_are_recognised_with_advice() {
    let zip = b"PK\x03\x04\x00\x00\x08\x08 archive/data.pkl";
    let pickle = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    for content in [zip.as_slice(), pickle] {
        assert!(parse_error(content).contains("safetensors.torch.save_file("));
    }
    assert!(parse_error(b"\x89HDF\r\n\x1a\n").contains("HDF5"));
    // A header of 640 bytes begins as a pickle does.
    let header = format!("{:<640}", r#"{"__metadata__":{"format":"pt"}}"#);
    let content = file_of(&header, &[]);
    assert_eq!(content[..2], [0x80, 0x02]);
    assert!(StateDict::parse(&content, Path::new("w")).is_ok());
}

#[cfg(unix)]
#[test]
fn a_device_is_not_read() {
    let error = StateDict::read(Path::new("/dev/zero")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/dev/zero: this is a pipe, a socket or a device, not a file of weights"
    );
}

#[test]
fn numbers_that_are_not_finite_are_neither_written_nor_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut state = StateDict::of(&two_layers());
        let broken = Tensor::from_slice(&[0.0, value]);
        state.tensors.insert("first.bias".into(), broken);
        let message = state.write(&path).unwrap_err().to_string();
        assert!(
            message
                .contains("w.safetensors: tensor first.bias: it holds numbers that are not finite"),
            "{message}"
        );
        assert!(!path.exists());
        let header = r#"{"first.bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let bytes = [0.0f32, value].map(f32::to_le_bytes).concat();
        let message = parse_error(&file_of(header, &bytes));
        assert!(
            message.contains("tensor first.bias: it holds numbers"),
            "{message}"
        );
    }
    let variables = two_layers();
    assert_eq!(not_finite(&variables).unwrap(), None);
    let _no_gradients = tch::no_grad_guard();
    let mut weight = variables.variables()["second.weight"].shallow_clone();
    let _ = weight.fill_(f64::NAN);
    assert_eq!(
        not_finite(&variables).unwrap().as_deref(),
        Some("second.weight")
    );
}

#[test]
fn prefixes_of_pytorch_are_removed() {
    for prefix in ["module.", "_orig_mod.", "_orig_mod.module."] {
        let saved = StateDict::of(&two_layers());
        let mut renamed = StateDict::default();
        for (name, tensor) in &saved.tensors {
            let name = format!("{prefix}{name}");
            renamed.tensors.insert(name, tensor.shallow_clone());
        }
        let count = format!("{prefix}norm.num_batches_tracked");
        renamed.tensors.insert(count, Tensor::from(3i64));
        let variables = two_layers();
        renamed.copy_into(&variables, Path::new("w")).unwrap();
        let copied = StateDict::of(&variables).tensors;
        assert_eq!(copied["first.weight"], saved.tensors["first.weight"]);
    }
    // A prefix of a single name belongs to the name.
    let message = copy_error(|state| {
        let bias = state.tensors.remove("second.bias").unwrap();
        drop(state.tensors.insert("module.second.bias".into(), bias))
    });
    assert!(
        message.contains("tensor second.bias: it is missing"),
        "{message}"
    );
}

#[cfg(unix)]
#[test]
fn home_folders_and_windows_paths_are_recognised() {
    let state = StateDict::of(&two_layers());
    let windows = Path::new(r"C:\Users\me\w.safetensors");
    for refused in [
        state.write(windows),
        StateDict::read(windows).map(|_| ()),
        check_writable(windows),
    ] {
        let message = refused.unwrap_err().to_string();
        assert!(
            message.contains("/mnt/c/Users/me/w.safetensors"),
            "{message}"
        );
    }
    let missing = StateDict::read(Path::new("~/no such file"))
        .unwrap_err()
        .to_string();
    let home = std::env::home_dir().unwrap();
    assert!(
        missing.contains(&format!("{}/no such file", home.display())),
        "{missing}"
    );
}

#[test]
fn a_path_that_is_not_the_name_of_a_file_is_an_error_and_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDict::of(&two_layers());
    for path in [Path::new(""), folder.path()] {
        let message = state.write(path).unwrap_err().to_string();
        assert!(message.contains("is not the name of a file"), "{message}");
        assert!(check_writable(path).is_err());
    }
    assert!(!Path::new(".partial").exists());
    let path = folder.path().join("new/w.safetensors");
    check_writable(&path).unwrap();
    let left: Vec<_> = fs::read_dir(folder.path().join("new")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let below_a_file = path.join("w.safetensors");
    state.write(&path).unwrap();
    assert!(check_writable(&below_a_file).is_err());
}
