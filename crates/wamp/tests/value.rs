//! Values as trees: dictionaries, conversions, serde.

mod support;

use std::collections::BTreeMap;

use cloverleaf_wamp::serializer::Serializer;
use cloverleaf_wamp::value::{Dict, Value, from_value, to_value};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use support::value;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    flag: bool,
    small: i8,
    large: u64,
    ratio: f32,
    letter: char,
    name: String,
    none: Option<u8>,
    some: Option<u8>,
    unit: (),
    pair: (u8, String),
    list: Vec<Shape>,
    numbered: BTreeMap<u16, bool>,
    named: BTreeMap<Color, i64>,
    wrapped: Wrapped,
    nothing: Nothing,
    any: Value,
    dict: Dict,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped(u32);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Color {
    Red,
    Blue,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(f64),
    Line(u8, u8),
    Square { side: u8 },
}

fn everything() -> Everything {
    Everything {
        flag: true,
        small: -7,
        large: u64::MAX,
        ratio: 0.5,
        letter: 'é',
        name: "Ada".into(),
        none: None,
        some: Some(3),
        unit: (),
        pair: (1, "two".into()),
        list: vec![Shape::Point, Shape::Circle(1.5), Shape::Line(1, 2), Shape::Square { side: 4 }],
        numbered: BTreeMap::from([(80, true), (443, false)]),
        named: BTreeMap::from([(Color::Red, -1), (Color::Blue, 1)]),
        wrapped: Wrapped(9),
        nothing: Nothing,
        any: Value::from(&b"\x00\xff"[..]),
        dict: Dict::from([("z", Value::from(1)), ("a", Value::Null)]),
    }
}

#[test]
fn types_become_values_and_come_back() {
    let value = to_value(&everything()).unwrap();
    assert_eq!(from_value::<Everything>(value.clone()).unwrap(), everything());
    let expected = concat!(
        r#"{"flag":true,"small":-7,"large":18446744073709551615,"ratio":0.5,"letter":"é","name":"Ada","none":null,"#,
        r#""some":3,"unit":null,"pair":[1,"two"],"list":["Point",{"Circle":1.5},{"Line":[1,2]},"#,
        r#"{"Square":{"side":4}}],"numbered":{"80":true,"443":false},"named":{"red":-1,"blue":1},"wrapped":9,"#,
        r#""nothing":null,"any":"\u0000AP8=","dict":{"z":1,"a":null}}"#
    );
    assert_eq!(value.to_string(), expected);
}

#[test]
fn types_pass_through_every_serializer() {
    let value = to_value(&everything()).unwrap();
    for serializer in Serializer::ALL {
        let back = Value::decode(serializer, &value.to_vec(serializer)).unwrap();
        assert_eq!(from_value::<Everything>(back).unwrap(), everything(), "{serializer:?}");
    }
}

#[test]
fn values_that_do_not_fit_say_so() {
    let error = |value: Value| from_value::<u8>(value).unwrap_err().to_string();
    assert_eq!(error(Value::from("x")), r#"invalid type: string "x", expected u8"#);
    assert_eq!(error(Value::from(256)), "invalid value: integer `256`, expected u8");
    assert_eq!(error(Value::List(vec![])), "invalid type: sequence, expected u8");
    assert!(from_value::<(u8, u8)>(Value::from([1, 2, 3])).is_err(), "an element too many");
    assert!(from_value::<Wrapped>(Value::Map(Dict::new())).is_err());
    for shape in [
        Value::from("Circle"),
        Value::from("Hexagon"),
        Value::from(1),
        Value::Map(Dict::new()),
        Value::Map(Dict::from([("Line", Value::from(1))])),
        Value::Map(Dict::from([("Square", Value::from([1]))])),
        Value::Map(Dict::from([("Point", Value::from(1))])),
    ] {
        assert!(from_value::<Shape>(shape.clone()).is_err(), "{shape}");
    }
    assert!(from_value::<BTreeMap<u16, bool>>(Value::Map(Dict::from([("x", Value::from(true))]))).is_err());
}

#[test]
fn types_that_are_no_values_are_refused() {
    assert!(to_value(&BTreeMap::from([(vec![1u8], 1)])).is_err(), "a list as key");
    assert!(to_value(&u128::MAX).is_err());
    assert!(to_value(&i128::MIN).is_err());
    assert_eq!(to_value(&i128::from(-5i8)), Ok(Value::Int(-5)));
}

#[test]
fn other_formats_read_and_write_values() {
    let text = r#"{"b":[1,-2,1.5,null,true,"x"],"a":{}}"#;
    let value: Value = serde_json::from_str(text).unwrap();
    assert_eq!(value.to_string(), text);
    assert_eq!(serde_json::to_string(&value).unwrap(), text);
}

#[test]
fn integers_compare_by_value() {
    assert_eq!(Value::Uint(5), Value::Int(5));
    assert_eq!(Value::from(5i8), Value::from(5u64));
    assert_ne!(Value::Int(-1), Value::Uint(u64::MAX));
    assert_ne!(Value::Uint(1), Value::Float(1.0));
    assert_eq!(Value::from(-1).as_u64(), None);
    assert_eq!(Value::from(u64::MAX).as_i64(), None);
    assert_eq!(Value::from(7usize).as_i64(), Some(7));
    assert_eq!(Value::from(-2).as_f64(), Some(-2.0));
}

#[test]
fn dictionaries_keep_order_and_hold_each_key_once() {
    let mut dict = Dict::from([("b", Value::from(1)), ("a", Value::from(2))]);
    assert_eq!(dict.insert("b", 3), Some(Value::from(1)));
    assert_eq!(dict.insert("c", Value::Null), None);
    assert_eq!(dict.to_string(), r#"{"b":3,"a":2,"c":null}"#);
    assert_eq!(dict.remove("b"), Some(Value::from(3)));
    assert_eq!(dict.remove("b"), None);
    assert_eq!(dict.keys().collect::<Vec<_>>(), ["a", "c"]);
    dict.extend([("a".to_owned(), Value::from(9))]);
    assert_eq!(dict.get("a"), Some(&Value::from(9)));
    assert_eq!(dict, Dict::from([("c", Value::Null), ("a", Value::from(9))]), "order doesn't matter");
    assert_ne!(dict, Dict::from([("c", Value::Null), ("b", Value::from(9))]));
}

/// SER-11
#[test]
fn of_duplicate_keys_the_last_counts() {
    for filler in [0, 40] {
        let mut text = String::from(r#"{"k":1"#);
        for n in 0..filler {
            text.push_str(&format!(r#","{n}":{n}"#));
        }
        text.push_str(r#","k":2}"#);
        let value = Value::decode(Serializer::Json, text.as_bytes()).unwrap();
        let dict = value.as_dict().unwrap();
        assert_eq!(dict.len(), filler + 1);
        assert_eq!(dict.iter().next(), Some(("k", &Value::from(2))));
    }
}

proptest! {
    #![proptest_config(support::cases(256))]

    #[test]
    fn a_value_through_serde_is_the_same(value in value()) {
        prop_assert_eq!(to_value(&value), Ok(value.clone()));
        prop_assert_eq!(from_value::<Value>(value.clone()), Ok(value));
    }

    /// SER-14
    #[test]
    fn floats_keep_every_digit_in_json(bits in any::<u64>()) {
        let float = f64::from_bits(bits);
        prop_assume!(float.is_finite());
        let read = Value::decode(Serializer::Json, Value::from(float).to_string().as_bytes());
        prop_assert!(matches!(read, Ok(Value::Float(read)) if read.to_bits() == bits));
    }
}
