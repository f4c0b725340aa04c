//! The codec server, until SIGINT or SIGTERM.

use std::process::ExitCode;

use super::{Failure, log, print, stop::asked_to_stop};
use crate::{
    cli::CodecServerArgs,
    codec_server::{CodecServerOptions, bind, serve},
    config::{Settings, SettingsError},
    server::web_ui_port,
};

/// The Web UI's port of Temporal's dev server, where nobody has chosen another.
const WEB_UI: u16 = 8233;

pub async fn run(settings: &Settings, args: CodecServerArgs) -> Result<ExitCode, Failure> {
    log::to_stderr(settings);
    let Some(codec) = settings.codec.clone() else { return Err(SettingsError::NoKeyId.into()) };
    let origins = if args.ui_origin.is_empty() { web_uis(settings) } else { args.ui_origin };
    let options = CodecServerOptions::new(args.listen, &origins, settings.codec_token.clone())?;
    let listener = bind(&options).await?;
    let address = listener.local_addr().map_err(Failure::io("learn where the codec server listens"))?;
    print::line(&format!(
        "codec server at http://{address}, encrypts with the key '{}', answers pages of {}",
        codec.ring().active(),
        origins.join(", ")
    ));
    if !address.ip().is_loopback() {
        print::problem(
            "INSECURE: it speaks plain HTTP, so everybody on the way can read the token and what is decrypted; put a proxy \
             with TLS before it, and let only that reach it",
        );
    }
    let stop = asked_to_stop(false)?;
    serve(listener, options, codec, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// The pages of a dev server on this machine.
fn web_uis(settings: &Settings) -> Vec<String> {
    let above = settings.address.loopback_port().and_then(web_ui_port);
    let ports = [Some(WEB_UI), above.filter(|port| *port != WEB_UI)];
    let hosts = ["localhost", "127.0.0.1"];
    ports.into_iter().flatten().flat_map(|port| hosts.map(|host| format!("http://{host}:{port}"))).collect()
}
