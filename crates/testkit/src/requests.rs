//! What scripts do all the time, in one line: requests with their replies.
//!
//! Request ids are counted per client from 1, as the specification wants. A script that writes messages with ids of its
//! own takes them from [`Net::request`], or doesn't mix the two for one client.

use serde_json::json;
use wamp::Value;

use crate::net::{Client, Net};
use crate::received::{IntoValue, Received};

impl Net {
    /// The client's next request id.
    pub fn request(&mut self, client: Client) -> u64 {
        let slot = self.slot(client);
        slot.last_request += 1;
        slot.last_request
    }

    /// SUBSCRIBE and SUBSCRIBED: the subscription.
    ///
    /// # Panics
    /// The next message isn't SUBSCRIBED.
    #[track_caller]
    pub fn subscribe(&mut self, client: Client, topic: &str) -> u64 {
        self.subscribe_with(client, json!({}), topic)
    }

    /// The same with options.
    ///
    /// # Panics
    /// The next message isn't SUBSCRIBED.
    #[track_caller]
    pub fn subscribe_with(&mut self, client: Client, options: impl IntoValue, topic: &str) -> u64 {
        let request = self.request(client);
        self.send(client, message(32, request, options, topic, None));
        self.expect(client, json!([33, request, "_"])).id(2)
    }

    /// UNSUBSCRIBE and UNSUBSCRIBED.
    ///
    /// # Panics
    /// The next message isn't UNSUBSCRIBED.
    #[track_caller]
    pub fn unsubscribe(&mut self, client: Client, subscription: u64) {
        let request = self.request(client);
        self.send(client, json!([34, request, subscription]));
        self.expect(client, json!([35, request]));
    }

    /// PUBLISH of one text, without options: nothing is answered.
    pub fn publish(&mut self, client: Client, topic: &str, text: &str) {
        self.publish_with(client, json!({}), topic, text);
    }

    /// The same with options; what is answered lies in the inbox. Returns the request id.
    pub fn publish_with(&mut self, client: Client, options: impl IntoValue, topic: &str, text: &str) -> u64 {
        let request = self.request(client);
        self.send(client, message(16, request, options, topic, Some(text)));
        request
    }

    /// PUBLISH that is acknowledged: the publication.
    ///
    /// # Panics
    /// The next message isn't PUBLISHED.
    #[track_caller]
    pub fn publish_acknowledged(&mut self, client: Client, topic: &str, text: &str) -> u64 {
        let request = self.publish_with(client, json!({"acknowledge": true}), topic, text);
        self.expect(client, json!([17, request, "_"])).id(2)
    }

    /// REGISTER and REGISTERED: the registration.
    ///
    /// # Panics
    /// The next message isn't REGISTERED.
    #[track_caller]
    pub fn register(&mut self, client: Client, procedure: &str) -> u64 {
        self.register_with(client, json!({}), procedure)
    }

    /// The same with options.
    ///
    /// # Panics
    /// The next message isn't REGISTERED.
    #[track_caller]
    pub fn register_with(&mut self, client: Client, options: impl IntoValue, procedure: &str) -> u64 {
        let request = self.request(client);
        self.send(client, message(64, request, options, procedure, None));
        self.expect(client, json!([65, request, "_"])).id(2)
    }

    /// UNREGISTER and UNREGISTERED.
    ///
    /// # Panics
    /// The next message isn't UNREGISTERED.
    #[track_caller]
    pub fn unregister(&mut self, client: Client, registration: u64) {
        let request = self.request(client);
        self.send(client, json!([66, request, registration]));
        self.expect(client, json!([67, request]));
    }

    /// CALL with one text as its argument. Returns the request id.
    pub fn call(&mut self, client: Client, procedure: &str, text: &str) -> u64 {
        self.call_with(client, json!({}), procedure, text)
    }

    /// The same with options.
    pub fn call_with(&mut self, client: Client, options: impl IntoValue, procedure: &str, text: &str) -> u64 {
        let request = self.request(client);
        self.send(client, message(48, request, options, procedure, Some(text)));
        request
    }

    /// CALL with any arguments, and RESULT: the RESULT.
    ///
    /// # Panics
    /// The next message isn't RESULT.
    #[track_caller]
    pub fn result(
        &mut self,
        client: Client,
        procedure: &str,
        args: impl IntoValue,
        kwargs: impl IntoValue,
    ) -> Received {
        let request = self.call_any(client, procedure, args, kwargs);
        self.expect(client, json!([50, request, "..."]))
    }

    /// CALL with positional arguments, and RESULT with one: that one.
    ///
    /// # Panics
    /// The next message isn't such a RESULT.
    #[track_caller]
    pub fn value(&mut self, client: Client, procedure: &str, args: impl IntoValue) -> Value {
        let result = self.result(client, procedure, args, json!({}));
        match result.value().as_list().and_then(|elements| elements.get(3)?.as_list()) {
            Some([value]) => value.clone(),
            _ => panic!("{procedure} answered {result}, expected one argument"),
        }
    }

    /// CALL with any arguments, and ERROR with this URI and one sentence: the sentence.
    ///
    /// # Panics
    /// The next message isn't such an ERROR.
    #[track_caller]
    pub fn error(
        &mut self,
        client: Client,
        procedure: &str,
        args: impl IntoValue,
        kwargs: impl IntoValue,
        error: &str,
    ) -> String {
        let request = self.call_any(client, procedure, args, kwargs);
        let answer = self.expect(client, json!([8, 48, request, {}, error, ["_"]]));
        let sentence = answer.at(5).as_list().and_then(|args| args.first()?.as_str());
        sentence.unwrap_or_else(|| panic!("{answer} says nothing")).to_owned()
    }

    fn call_any(
        &mut self,
        client: Client,
        procedure: &str,
        args: impl IntoValue,
        kwargs: impl IntoValue,
    ) -> u64 {
        let request = self.request(client);
        let options = Value::Map(wamp::value::Dict::new());
        let elements = vec![
            48u64.into(),
            request.into(),
            options,
            procedure.into(),
            args.into_value(),
            kwargs.into_value(),
        ];
        self.send(client, Value::List(elements));
        request
    }

    /// Takes an INVOCATION: its request id.
    ///
    /// # Panics
    /// The next message isn't INVOCATION.
    #[track_caller]
    pub fn invoked(&mut self, client: Client) -> u64 {
        self.expect(client, json!([68, "..."])).id(1)
    }

    /// YIELD of one text.
    pub fn answer(&mut self, client: Client, invocation: u64, text: &str) {
        self.send(client, json!([70, invocation, {}, [text]]));
    }

    /// The next message is ERROR for this kind of request, with this URI.
    ///
    /// # Panics
    /// It isn't.
    #[track_caller]
    pub fn refused(&mut self, client: Client, kind: u64, request: u64, error: &str) {
        self.expect(client, json!([8, kind, request, {}, error, "..."]));
    }
}

fn message(code: u64, request: u64, options: impl IntoValue, uri: &str, text: Option<&str>) -> Value {
    let mut elements = vec![Value::from(code), Value::from(request), options.into_value(), Value::from(uri)];
    elements.extend(text.map(|text| Value::from([text])));
    Value::List(elements)
}
