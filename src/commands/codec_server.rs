//! The codec server, until SIGINT or SIGTERM.

use std::process::ExitCode;

use super::{Failure, log, print, stop::asked_to_stop};
use crate::{
    cli::CodecServerArgs,
    codec_server::{CodecServerOptions, bind, serve},
    config::{Effective, Settings},
};

/// Where Temporal's dev server has its Web UI, which asks where nobody says who may.
const WEB_UI: [&str; 2] = ["http://localhost:8233", "http://127.0.0.1:8233"];

pub async fn run(settings: &Settings, effective: &Effective, args: CodecServerArgs) -> Result<ExitCode, Failure> {
    log::to_stderr(settings);
    let codec = effective.codec_of_keys()?;
    let origins = if args.ui_origin.is_empty() { WEB_UI.map(str::to_owned).to_vec() } else { args.ui_origin };
    let options = CodecServerOptions::new(args.listen, &origins, settings.codec_token.clone())?;
    let listener = bind(&options).await?;
    let address = listener.local_addr().map_err(Failure::io("learn where the codec server listens"))?;
    print::line(&format!(
        "codec server at http://{address}, encrypts with the key '{}', answers pages of {}",
        codec.ring().active(),
        origins.join(", ")
    ));
    let stop = asked_to_stop(false)?;
    serve(listener, options, codec, stop).await?;
    Ok(ExitCode::SUCCESS)
}
