//! Properties of the opening handshakes: no head of a request or response makes them panic, and none that is cut
//! short is taken for whole.

use cloverleaf_transport::http::Request;
use cloverleaf_transport::websocket::client::{Handshake, Options};
use cloverleaf_transport::websocket::extension::{DeflateOffer, negotiate};
use cloverleaf_transport::websocket::{AcceptOptions, CompressionOptions, Subprotocol, accept};
use proptest::collection::vec;
use proptest::prelude::*;

const PROTOCOLS: [&str; 3] = ["wamp.2.json", "wamp.2.cbor.batched", "wamp.2.ubjson"];

fn protocols() -> Vec<Subprotocol> {
    PROTOCOLS.iter().filter_map(|name| Subprotocol::from_name(name)).collect()
}

fn options<'a>(protocols: &'a [Subprotocol], origins: &'a [String]) -> AcceptOptions<'a> {
    AcceptOptions {
        protocols,
        require_subprotocol: true,
        allowed_origins: origins,
        allow_null_origin: false,
        compression: Some(CompressionOptions::default()),
        server_header: Some("test"),
        extra_headers: &[],
    }
}

fn handshake(protocols: &[Subprotocol], nonce: [u8; 16]) -> Handshake {
    let options = Options {
        host: "localhost:8080",
        path: "/ws?x=1",
        protocols,
        deflate: Some(DeflateOffer::default()),
        user_agent: None,
        headers: &[],
    };
    Handshake::new(&options, nonce)
}

/// Bytes that are nearly a head.
fn nearly(head: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let damage = vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (damage, any::<prop::sample::Index>()).prop_map(move |(damage, cut)| {
        let mut head = head.clone();
        for (place, byte) in damage {
            let place = place.index(head.len());
            head[place] = byte;
        }
        head.truncate(cut.index(head.len() + 1));
        head
    })
}

proptest! {
    // WSK-01, WSK-12
    #[test]
    fn both_ends_agree(nonce in any::<[u8; 16]>(), which in 0_usize..3) {
        let protocols = protocols();
        let client = handshake(&protocols[which..], nonce);
        let (request, size) = Request::parse(&client.request).expect("well-formed").expect("complete");
        prop_assert_eq!(size, client.request.len());
        prop_assert_eq!((request.path.as_str(), request.query.as_deref()), ("/ws", Some("x=1")));
        let accepted = accept(&request, &options(&protocols, &[])).expect("they fit");
        let parsed = client.parse_response(&accepted.response).expect("accepted").expect("complete");
        prop_assert_eq!(parsed.0.protocol, protocols[which]);
        prop_assert_eq!(parsed.0.deflate, accepted.deflate);
        prop_assert_eq!(parsed.1, accepted.response.len());
    }

    #[test]
    fn a_response_to_another_request_is_refused(nonce in any::<[u8; 16]>(), other in any::<[u8; 16]>()) {
        prop_assume!(nonce != other);
        let protocols = protocols();
        let request = Request::parse(&handshake(&protocols, nonce).request).expect("well-formed").expect("complete").0;
        let accepted = accept(&request, &options(&protocols, &[])).expect("they fit");
        prop_assert!(handshake(&protocols, other).parse_response(&accepted.response).is_err());
    }

    #[test]
    fn a_damaged_request_never_panics(head in nearly(handshake(&protocols(), [7; 16]).request)) {
        let origins = ["https://*.example.*".to_owned()];
        if let Ok(Some((request, size))) = Request::parse(&head) {
            prop_assert!(size <= head.len());
            let protocols = protocols();
            let response = match accept(&request, &options(&protocols, &origins)) {
                Ok(accepted) => accepted.response,
                Err(refusal) => refusal.response,
            };
            prop_assert!(response.starts_with(b"HTTP/1.1 "));
        }
    }

    #[test]
    fn a_damaged_response_never_panics(head in nearly({
        let protocols = protocols();
        let request = Request::parse(&handshake(&protocols, [7; 16]).request).expect("well-formed").expect("complete").0;
        accept(&request, &options(&protocols, &[])).expect("they fit").response
    })) {
        if let Ok(Some((_, size))) = handshake(&protocols(), [7; 16]).parse_response(&head) {
            prop_assert!(size <= head.len());
        }
    }

    #[test]
    fn what_is_negotiated_is_within_the_options(
        offer in "(permessage-deflate(; ?(server|client)_(max_window_bits(=\"?[0-9]{1,2}\"?)?|no_context_takeover)){0,3},? ?){1,3}",
        max_window_bits in 9_u8..=15,
        request_max_window_bits in proptest::option::of(9_u8..=15),
    ) {
        let options = CompressionOptions { max_window_bits, request_max_window_bits, ..CompressionOptions::default() };
        if let Some((agreed, field)) = negotiate([offer.as_str()].into_iter(), &options) {
            prop_assert!((9..=max_window_bits).contains(&agreed.server_max_window_bits));
            prop_assert!(agreed.client_max_window_bits <= request_max_window_bits.unwrap_or(15));
            prop_assert!(agreed.server_no_context_takeover && agreed.client_no_context_takeover);
            prop_assert!(field.starts_with("permessage-deflate; server_no_context_takeover"));
        }
    }

    #[test]
    fn extension_noise_never_panics(offer in "[a-z;,=\"\\\\ -~]{0,80}") {
        negotiate([offer.as_str()].into_iter(), &CompressionOptions::default());
        DeflateOffer::default().agree(&offer);
    }
}
