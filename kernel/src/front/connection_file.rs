//! Connection files of Jupyter's protocol, for evcxr_jupyter.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jupyter_zmq_client::ConnectionInfo;
use serde_json::json;

/// A loopback address for one kernel. Another process may bind a port after it was chosen and before evcxr
/// binds it; among thirty kernels that start at once, some do. On Linux all addresses of 127.0.0.0/8 are
/// loopback addresses, so each kernel gets one with all ports for itself.
fn loopback() -> String {
    let [a, b, c, ..] = *uuid::Uuid::new_v4().as_bytes();
    let address = format!("127.{}.{b}.{}", a.max(1), c.clamp(1, 254));
    match TcpListener::bind((address.as_str(), 0)) {
        Ok(_) => address,
        Err(_) => "127.0.0.1".to_owned(),
    }
}

/// Chooses ports and a key for evcxr_jupyter, and writes its connection file into the folder.
///
/// # Errors
///
/// There are no free ports, or the folder cannot be written.
pub fn create(folder: &Path) -> Result<(ConnectionInfo, PathBuf)> {
    let ip = loopback();
    // All listeners are kept until all ports are known. Otherwise a port could be chosen twice.
    let listeners = (0..5)
        .map(|_| TcpListener::bind((ip.as_str(), 0)))
        .collect::<std::io::Result<Vec<_>>>()
        .context("there is no free port")?;
    let port = |number: usize| Ok::<_, std::io::Error>(listeners[number].local_addr()?.port());
    let connection: ConnectionInfo = serde_json::from_value(json!({
        "ip": ip,
        "transport": "tcp",
        "key": uuid::Uuid::new_v4().to_string(),
        "signature_scheme": "hmac-sha256",
        "shell_port": port(0)?,
        "iopub_port": port(1)?,
        "stdin_port": port(2)?,
        "control_port": port(3)?,
        "hb_port": port(4)?,
        "kernel_name": "rust",
    }))?;
    let path = folder.join("connection.json");
    let _ = fs::remove_file(&path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(&serde_json::to_vec(&connection)?)?;
    Ok((connection, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_connection_file_is_private_and_has_five_ports() {
        let folder = tempfile::tempdir().unwrap();
        let (connection, path) = create(folder.path()).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let ports = HashSet::from([
            connection.shell_port,
            connection.iopub_port,
            connection.stdin_port,
            connection.control_port,
            connection.hb_port,
        ]);
        assert_eq!(ports.len(), 5);
        let read: ConnectionInfo = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        assert_eq!(read.key, connection.key);
        let (another, _) = create(folder.path()).unwrap();
        if cfg!(target_os = "linux") {
            assert!(another.ip.starts_with("127."));
            assert_ne!(
                (&another.ip, another.shell_port),
                (&connection.ip, connection.shell_port)
            );
        }
        assert_ne!(another.key, connection.key);
    }
}
