use cloverleaf_schema::*;
use std::time::Instant;
use wamp::{Value, value::Dict};
fn run(name: &str, text: String, args: Vec<Value>) {
    let t = Instant::now();
    let d = Declaration::from_json(text.as_bytes());
    let made = t.elapsed();
    match d {
        Err(e) => println!("{name}: made {made:?} INVALID {e}"),
        Ok(d) => {
            let t = Instant::now();
            let r = d.check(Part::Event, &args, &Dict::new());
            println!("{name}: made {made:?} check {:?} {r:?}", t.elapsed());
        }
    }
}
fn nest(n: usize, leaf: Value) -> Value {
    (0..n).fold(leaf, |v, _| Value::List(vec![v]))
}
fn chain(n: usize, kw: &str, copies: usize, leaf: &str) -> String {
    let mut defs = vec![];
    for i in 0..n {
        let r = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, i + 1);
        defs.push(format!(r#""d{i}":{{"{kw}":[{}]}}"#, vec![r; copies].join(",")));
    }
    defs.push(format!(r#""d{n}":{leaf}"#));
    format!(
        r##"{{"type":"topic","args":{{"items":{{"$ref":"#/$defs/d0"}}}},"$defs":{{{}}}}}"##,
        defs.join(",")
    )
}
fn main() {
    let body = || {
        for kw in ["allOf", "anyOf", "oneOf"] {
            run(
                &format!("dag {kw} ok scalar"),
                chain(40, kw, 2, r#"{"type":"string"}"#),
                vec![Value::from("a")],
            );
            run(
                &format!("dag {kw} bad scalar"),
                chain(40, kw, 2, r#"{"type":"string"}"#),
                vec![Value::from(1u8)],
            );
            run(
                &format!("dag {kw} bad list"),
                chain(40, kw, 2, r#"{"type":"string"}"#),
                vec![nest(100, Value::Null)],
            );
        }
        run("long chain", chain(3000, "allOf", 1, r#"{"type":"string"}"#), vec![Value::from(1u8)]);
        run(
            "uneval",
            chain(30, "allOf", 2, r#"{"type":"string"}"#)
                .replace(r#""args":{"#, r#""args":{"unevaluatedItems":false,"#),
            vec![Value::from("a")],
        );
        // unevaluated at each level
        let mut defs = vec![];
        for i in 0..40 {
            defs.push(format!(r##""d{i}":{{"unevaluatedProperties":false,"allOf":[{{"$ref":"#/$defs/d{0}"}},{{"$ref":"#/$defs/d{0}"}}]}}"##, i+1));
        }
        defs.push(r#""d40":{"properties":{"a":true}}"#.into());
        run(
            "uneval each",
            format!(
                r##"{{"type":"topic","args":{{"items":{{"$ref":"#/$defs/d0"}}}},"$defs":{{{}}}}}"##,
                defs.join(",")
            ),
            vec![Value::from(Dict::from([("a", Value::Null)]))],
        );
        run("selfref", r##"{"type":"topic","args":{"$ref":"#"}}"##.into(), vec![]);
        run("cycle", r##"{"type":"topic","args":{"$ref":"#/$defs/a"},"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##.into(), vec![]);
        run("cycle allOf", r##"{"type":"topic","args":{"allOf":[{"$ref":"#"},{"$ref":"#"}], "anyOf":[{"$ref":"#"},{"type":"string"}]}}"##.into(), vec![]);
        run("not cycle", r##"{"type":"topic","args":{"not":{"$ref":"#"}}}"##.into(), vec![]);
        run("items rec x2", r##"{"type":"topic","args":{"allOf":[{"items":{"$ref":"#"}},{"items":{"$ref":"#"}}],"type":"array"}}"##.into(), vec![nest(128, Value::Null)]);
        run("items rec x2 any", r##"{"type":"topic","args":{"anyOf":[{"items":{"$ref":"#"}, "type":"array"},{"items":{"$ref":"#"},"type":"array"}]}}"##.into(), vec![nest(127, Value::Null)]);
        run("inline rec", r##"{"type":"topic","args":{"anyOf":[{"type":"array","items":{"anyOf":[{"$ref":"#"},{"type":"array","items":{"$ref":"#"}}]}},{"type":"array","minItems":1,"items":{"$ref":"#"}}]}}"##.into(), vec![nest(127, Value::Null)]);
        // deep schema and deep instance
        let deep = (0..50).fold(r##"{"items":{"$ref":"#"}}"##.to_string(), |s, i| {
            if i % 2 == 0 { format!(r#"{{"not":{s}}}"#) } else { format!(r#"{{"not":{s}}}"#) }
        });
        run("deep x deep", format!(r#"{{"type":"topic","args":{deep}}}"#), vec![nest(128, Value::Null)]);
        let mut defs = vec![];
        for i in 0..300 {
            let s = (0..26).fold(format!(r##"{{"$ref":"#/$defs/d{}"}}"##, (i + 1) % 300), |s, _| {
                format!(r#"{{"allOf":[{s}]}}"#)
            });
            defs.push(format!(r#""d{i}":{s}"#));
        }
        defs.push(r#""d300":{"type":"string"}"#.into());
        run(
            "wide deep compile",
            format!(r##"{{"type":"topic","args":{{"$ref":"#/$defs/d0"}},"$defs":{{{}}}}}"##, defs.join(",")),
            vec![Value::from(1u8)],
        );
        let mut defs = vec![];
        for i in 0..250 {
            let s = (0..58)
                .fold(format!(r##"{{"$ref":"#/$defs/d{}"}}"##, i + 1), |s, _| format!(r#"{{"not":{s}}}"#));
            defs.push(format!(r#""d{i}":{s}"#));
        }
        defs.push(r##""d250":{"items":{"$ref":"#/$defs/d0"}}"##.into());
        run(
            "wide deep compile 2",
            format!(r##"{{"type":"topic","args":{{"$ref":"#/$defs/d0"}},"$defs":{{{}}}}}"##, defs.join(",")),
            vec![nest(100, Value::from(1u8))],
        );
        // patterns
        let pats: Vec<_> = (0..150).map(|i| format!(r#"{{"pattern":"^(\\p{{L}}|{i}){{1,20}}$"}}"#)).collect();
        run(
            "patterns",
            format!(r#"{{"type":"topic","args":{{"items":{{"anyOf":[{}]}}}}}}"#, pats.join(",")),
            vec![Value::from("a".repeat(100_000) + "!")],
        );
        run(
            "pattern big",
            r#"{"type":"topic","args":{"items":{"pattern":"(a{1,1000}){1,1000}"}}}"#.into(),
            vec![],
        );
        run(
            "pattern evil",
            r#"{"type":"topic","args":{"items":{"pattern":"^(a+)+$"}}}"#.into(),
            vec![Value::from("a".repeat(1_000_000) + "!")],
        );
        run(
            "pattern look",
            r#"{"type":"topic","args":{"items":{"pattern":"^(?=a)(?!b)\\1"}}}"#.into(),
            vec![],
        );
        run("pattern back", r#"{"type":"topic","args":{"items":{"pattern":"(a)\\1"}}}"#.into(), vec![]);
        run("pattern bad", r#"{"type":"topic","args":{"items":{"pattern":"(a"}}}"#.into(), vec![]);
        // big payloads
        let many: Vec<Value> = (0..1_000_000u32).map(Value::from).collect();
        run(
            "million ints",
            r#"{"type":"topic","args":{"items":{"prefixItems":[], "items":{"type":"integer"}}}}"#.into(),
            vec![Value::List(many.clone())],
        );
        run(
            "million ints min",
            r#"{"type":"topic","args":{"items":{"items":{"type":"integer","minimum":0}}}}"#.into(),
            vec![Value::List(many.clone())],
        );
        run(
            "million unique",
            r#"{"type":"topic","args":{"items":{"uniqueItems":true}}}"#.into(),
            vec![Value::List(many.clone())],
        );
        run("million anyOf bad", r#"{"type":"topic","args":{"items":{"anyOf":[{"type":"array","items":{"type":"string"}},{"items":{"type":"boolean"}}]}}}"#.into(), vec![Value::List(many.clone())]);
        let manykeys: Dict = (0..200_000u32).map(|i| (format!("k{i}"), Value::from(i))).collect();
        let props: Vec<_> = (0..1000).map(|i| format!(r#""p{i}":{{"type":"integer"}}"#)).collect();
        run(
            "200k keys x 1000 props",
            format!(
                r#"{{"type":"topic","args":{{"items":{{"properties":{{{}}},"required":["p1","p999"]}}}}}}"#,
                props.join(",")
            ),
            vec![Value::Map(manykeys.clone())],
        );
        run(
            "addl false 200k",
            r#"{"type":"topic","args":{"items":{"additionalProperties":false}}}"#.into(),
            vec![Value::Map(manykeys)],
        );
        // wide schema
        let wide: Vec<_> = (0..6000).map(|i| format!(r#"{{"minimum":{i}}}"#)).collect();
        run(
            "6000 allOf x 100k",
            format!(r#"{{"type":"topic","args":{{"items":{{"items":{{"anyOf":[{}]}}}}}}}}"#, wide.join(",")),
            vec![Value::List((0..100_000).map(|_| Value::from(-1i8)).collect())],
        );
        let nested7 = (0..55).fold("{}".to_string(), |s, _| format!(r#"{{"items":{s}}}"#));
        run(
            "draft7 nested items",
            format!(
                r#"{{"type":"topic","args":{{"$schema":"http://json-schema.org/draft-07/schema#","items":{nested7}}}}}"#
            ),
            vec![nest(60, Value::Null)],
        );
        let nested7 = (0..55).fold(r#"{"type":"x"}"#.to_string(), |s, _| format!(r#"{{"items":{s}}}"#));
        run(
            "draft7 nested items bad",
            format!(
                r#"{{"type":"topic","args":{{"$schema":"http://json-schema.org/draft-07/schema#","items":{nested7}}}}}"#
            ),
            vec![nest(60, Value::Null)],
        );
        let nested7 =
            (0..28).fold(r#"{"type":"x"}"#.to_string(), |s, _| format!(r#"{{"dependencies":{{"a":{s}}}}}"#));
        run(
            "draft7 deps bad",
            format!(
                r#"{{"type":"topic","args":{{"$schema":"http://json-schema.org/draft-07/schema#","items":{nested7}}}}}"#
            ),
            vec![nest(60, Value::Null)],
        );
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(body).unwrap().join().unwrap();
}
