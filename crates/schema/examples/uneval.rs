//! x
use cloverleaf_schema::*;
use std::time::Instant;
use wamp::{Value, value::Dict};
fn main() {
    for n in [4, 8, 10, 12, 14] {
        let mut defs = vec![];
        for i in 0..n {
            defs.push(format!(r##""d{i}":{{"unevaluatedProperties":false,"allOf":[{{"$ref":"#/$defs/d{0}"}},{{"$ref":"#/$defs/d{0}"}}]}}"##, i+1));
        }
        defs.push(format!(r#""d{n}":{{"properties":{{"a":true}}}}"#));
        let text = format!(
            r##"{{"type":"topic","args":{{"items":{{"$ref":"#/$defs/d0"}}}},"$defs":{{{}}}}}"##,
            defs.join(",")
        );
        let t = Instant::now();
        let d = Declaration::from_json(text.as_bytes()).unwrap();
        let m = t.elapsed();
        let t = Instant::now();
        let r = d.check(Part::Event, &[Value::from(Dict::from([("a", Value::Null)]))], &Dict::new());
        println!("{n} {m:?} {:?} {r:?}", t.elapsed());
    }
}
