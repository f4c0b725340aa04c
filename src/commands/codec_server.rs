//! Runs the codec server until SIGINT, SIGTERM or SIGHUP.

use std::process::ExitCode;

use super::{Failure, log, print, stop::asked_to_stop};
use crate::{
    cli::CodecServerArgs,
    codec_server::{CodecServerOptions, bind, resolve_listen, serve},
    config::{Settings, SettingsError},
    server::web_ui_port,
};

/// Default ports of the Web UI in Temporal's dev server and in Temporal's Docker Compose files.
const WEB_UIS: [u16; 2] = [8233, 8080];

/// Prints the address and serves until a signal arrives.
pub async fn run(settings: &Settings, args: CodecServerArgs) -> Result<ExitCode, Failure> {
    log::to_stderr(settings);
    let Some(codec) = settings.codec.clone() else { return Err(SettingsError::NoKeyId.into()) };
    let origins = if args.ui_origin.is_empty() { web_uis(settings) } else { args.ui_origin };
    let options = CodecServerOptions::new(resolve_listen(&args.listen).await?, &origins, settings.codec_token.clone())?;
    // Install the handler before printing the address, so that a signal after that does not kill the process.
    let stop = asked_to_stop(false)?;
    let listener = bind(&options).await?;
    let address = listener.local_addr().map_err(Failure::io("determine the address of the codec server"))?;
    print::line(&format!(
        "codec server at http://{address}, encrypts with key '{}', allows Web UIs at {}",
        codec.ring().active(),
        origins.join(", ")
    ));
    if !address.ip().is_loopback() {
        print::problem(
            "INSECURE: plain HTTP, so anyone on the network can read the token and the decrypted data; put a proxy with TLS in \
             front of it, and allow only that to connect",
        );
    }
    serve(listener, options, codec, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the origins of Web UIs on this machine.
fn web_uis(settings: &Settings) -> Vec<String> {
    let above = settings.address.loopback_port().and_then(web_ui_port);
    let ports = WEB_UIS.into_iter().chain(above.filter(|port| !WEB_UIS.contains(port)));
    let hosts = ["localhost", "127.0.0.1"];
    ports.flat_map(|port| hosts.map(|host| format!("http://{host}:{port}"))).collect()
}
