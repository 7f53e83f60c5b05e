//! A router inside a program: a thermostat whose parts talk over WAMP, to each other without a socket and to anybody
//! else through one.
//!
//! ```console
//! $ cargo run --example embed
//! ```

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use cloverleaf::client::{ApplicationError, Session};
use cloverleaf::listeners::{Endpoint, ListenerConfig};
use cloverleaf::router::config::{RealmConfig, RouterConfig};
use cloverleaf::{Config, Node, WorkerConfig};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example tells what it does")]
async fn main() -> Result<(), Box<dyn Error>> {
    for line in run().await? {
        println!("{line}");
    }
    Ok(())
}

/// Runs the whole story and tells it, a line for each thing that happened.
pub(crate) async fn run() -> Result<Vec<String>, Box<dyn Error>> {
    let mut story = Vec::new();

    // A node with one realm, that listens on a free port of this machine.
    let anywhere = Endpoint::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let worker = WorkerConfig {
        router: RouterConfig { realms: vec![RealmConfig::open("home")], ..RouterConfig::default() },
        listeners: vec![ListenerConfig::new(anywhere)],
        ..WorkerConfig::default()
    };
    let node = Node::start(Config { node_id: None, workers: vec![worker] }).await?;

    // The heating is a part of this program: its session needs no socket.
    let heating = node.session("home").await?;
    heating
        .register("home.heating.set")
        .handler(|call| async move {
            let celsius: f64 = call.arg(0)?;
            if celsius > 30.0 {
                return Err(ApplicationError::with_message("home.error.too_hot", "30 degrees are enough"));
            }
            Ok(format!("heating to {celsius} degrees"))
        })
        .await?;
    let mut temperatures = heating.subscribe("home.temperature").await?;

    // A sensor comes over the network, as anything would that speaks WAMP.
    let url = node.addresses().iter().find_map(|address| address.websocket_url()).ok_or("nothing listens")?;
    let sensor = Session::builder(url, "home").connect().await?;
    sensor.publish("home.temperature").arg(19.5).acknowledge().await?;
    let event = temperatures.next().await.ok_or("the subscription ended")?;
    story.push(format!("measured {} degrees", event.arg::<f64>(0)?));

    // Calls go either way.
    let answer: String = sensor.call("home.heating.set").arg(21.0).await?.arg(0)?;
    story.push(answer);
    if let Err(error) = sensor.call("home.heating.set").arg(45.0).await {
        story.push(format!("refused: {error}"));
    }

    // Everybody is told goodbye.
    node.stop().await;
    story.push(format!("the sensor saw: {}", sensor.closed().await));
    Ok(story)
}
