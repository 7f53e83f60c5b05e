//! Rust types to values, and values to other formats, through serde.
//!
//! Enums are tagged from outside: a variant with content is a dictionary of one pair. Keys must be text, characters,
//! booleans or integers, and become text.

use serde::ser::{Error, Impossible, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::{Dict, Value, ValueError};

/// Makes a value of anything that serializes.
///
/// # Errors
/// What the type's own serialization refuses; keys that are no text, integer or boolean; integers beyond 64 bits.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, ValueError> {
    value.serialize(ToValue)
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Uint(value) => serializer.serialize_u64(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::Str(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Value::List(list) => serializer.collect_seq(list),
            Value::Map(dict) => dict.serialize(serializer),
        }
    }
}

impl Serialize for Dict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

struct ToValue;

impl Serializer for ToValue {
    type Ok = Value;
    type Error = ValueError;
    type SerializeSeq = ToList;
    type SerializeTuple = ToList;
    type SerializeTupleStruct = ToList;
    type SerializeTupleVariant = ToList;
    type SerializeMap = ToDict;
    type SerializeStruct = ToDict;
    type SerializeStructVariant = ToDict;

    fn serialize_bool(self, value: bool) -> Result<Value, ValueError> {
        Ok(Value::Bool(value))
    }

    fn serialize_i8(self, value: i8) -> Result<Value, ValueError> {
        Ok(Value::from(value))
    }

    fn serialize_i16(self, value: i16) -> Result<Value, ValueError> {
        Ok(Value::from(value))
    }

    fn serialize_i32(self, value: i32) -> Result<Value, ValueError> {
        Ok(Value::from(value))
    }

    fn serialize_i64(self, value: i64) -> Result<Value, ValueError> {
        Ok(Value::from(value))
    }

    fn serialize_i128(self, value: i128) -> Result<Value, ValueError> {
        match (u64::try_from(value), i64::try_from(value)) {
            (Ok(value), _) => Ok(Value::Uint(value)),
            (_, Ok(value)) => Ok(Value::Int(value)),
            _ => Err(ValueError::custom("an integer of more than 64 bits")),
        }
    }

    fn serialize_u8(self, value: u8) -> Result<Value, ValueError> {
        Ok(Value::from(value))
    }

    fn serialize_u16(self, value: u16) -> Result<Value, ValueError> {
        Ok(Value::from(value))
    }

    fn serialize_u32(self, value: u32) -> Result<Value, ValueError> {
        Ok(Value::from(value))
    }

    fn serialize_u64(self, value: u64) -> Result<Value, ValueError> {
        Ok(Value::Uint(value))
    }

    fn serialize_u128(self, value: u128) -> Result<Value, ValueError> {
        let value = u64::try_from(value);
        value.map(Value::Uint).map_err(|_| ValueError::custom("an integer of more than 64 bits"))
    }

    fn serialize_f32(self, value: f32) -> Result<Value, ValueError> {
        Ok(Value::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<Value, ValueError> {
        Ok(Value::Float(value))
    }

    fn serialize_char(self, value: char) -> Result<Value, ValueError> {
        Ok(Value::Str(value.to_string()))
    }

    fn serialize_str(self, value: &str) -> Result<Value, ValueError> {
        Ok(Value::from(value))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Value, ValueError> {
        Ok(Value::from(value))
    }

    fn serialize_none(self) -> Result<Value, ValueError> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, ValueError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, ValueError> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Value, ValueError> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, ValueError> {
        Ok(Value::from(variant))
    }

    fn serialize_newtype_struct<T>(self, _name: &'static str, value: &T) -> Result<Value, ValueError>
    where
        T: Serialize + ?Sized,
    {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, ValueError>
    where
        T: Serialize + ?Sized,
    {
        tagged(Some(variant), value.serialize(self)?)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<ToList, ValueError> {
        Ok(ToList::new(None, len.unwrap_or(0)))
    }

    fn serialize_tuple(self, len: usize) -> Result<ToList, ValueError> {
        Ok(ToList::new(None, len))
    }

    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<ToList, ValueError> {
        Ok(ToList::new(None, len))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<ToList, ValueError> {
        Ok(ToList::new(Some(variant), len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<ToDict, ValueError> {
        Ok(ToDict::new(None, len.unwrap_or(0)))
    }

    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<ToDict, ValueError> {
        Ok(ToDict::new(None, len))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<ToDict, ValueError> {
        Ok(ToDict::new(Some(variant), len))
    }
}

/// Puts a value under the name of its variant, if it is one's.
fn tagged(variant: Option<&'static str>, value: Value) -> Result<Value, ValueError> {
    Ok(match variant {
        Some(variant) => Value::Map(Dict::from([(variant, value)])),
        None => value,
    })
}

/// A list on its way.
struct ToList {
    variant: Option<&'static str>,
    list: Vec<Value>,
}

impl ToList {
    fn new(variant: Option<&'static str>, len: usize) -> Self {
        ToList { variant, list: Vec::with_capacity(len.min(4096)) }
    }
}

impl SerializeSeq for ToList {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        self.list.push(to_value(value)?);
        Ok(())
    }

    fn end(self) -> Result<Value, ValueError> {
        tagged(self.variant, Value::List(self.list))
    }
}

macro_rules! as_sequence {
    ($($kind:ident $method:ident),*) => {
        $(impl serde::ser::$kind for ToList {
            type Ok = Value;
            type Error = ValueError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
                SerializeSeq::serialize_element(self, value)
            }

            fn end(self) -> Result<Value, ValueError> {
                SerializeSeq::end(self)
            }
        })*
    };
}

as_sequence!(SerializeTuple serialize_element, SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field);

/// A dictionary on its way.
struct ToDict {
    variant: Option<&'static str>,
    pairs: Vec<(String, Value)>,
    /// The key whose value comes next.
    key: String,
}

impl ToDict {
    fn new(variant: Option<&'static str>, len: usize) -> Self {
        ToDict { variant, pairs: Vec::with_capacity(len.min(4096)), key: String::new() }
    }

    fn finish(self) -> Result<Value, ValueError> {
        tagged(self.variant, Value::Map(self.pairs.into_iter().collect()))
    }
}

impl SerializeMap for ToDict {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ValueError> {
        self.key = key.serialize(ToKey)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        let key = std::mem::take(&mut self.key);
        self.pairs.push((key, to_value(value)?));
        Ok(())
    }

    fn end(self) -> Result<Value, ValueError> {
        self.finish()
    }
}

macro_rules! as_map {
    ($($kind:ident),*) => {
        $(impl serde::ser::$kind for ToDict {
            type Ok = Value;
            type Error = ValueError;

            fn serialize_field<T>(&mut self, key: &'static str, value: &T) -> Result<(), ValueError>
            where
                T: Serialize + ?Sized,
            {
                self.pairs.push((key.to_owned(), to_value(value)?));
                Ok(())
            }

            fn end(self) -> Result<Value, ValueError> {
                self.finish()
            }
        })*
    };
}

as_map!(SerializeStruct, SerializeStructVariant);

/// Keys: text, and what has an obvious text.
struct ToKey;

fn no_key<T>() -> Result<T, ValueError> {
    Err(ValueError::custom("a key that is no text, character, integer or boolean"))
}

macro_rules! plain_keys {
    ($($method:ident $kind:ty),*) => {
        $(fn $method(self, value: $kind) -> Result<String, ValueError> {
            Ok(value.to_string())
        })*
    };
}

impl Serializer for ToKey {
    type Ok = String;
    type Error = ValueError;
    type SerializeSeq = Impossible<String, ValueError>;
    type SerializeTuple = Impossible<String, ValueError>;
    type SerializeTupleStruct = Impossible<String, ValueError>;
    type SerializeTupleVariant = Impossible<String, ValueError>;
    type SerializeMap = Impossible<String, ValueError>;
    type SerializeStruct = Impossible<String, ValueError>;
    type SerializeStructVariant = Impossible<String, ValueError>;

    plain_keys!(
        serialize_bool bool, serialize_char char, serialize_str &str,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128,
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128
    );

    fn serialize_f32(self, _: f32) -> Result<String, ValueError> {
        no_key()
    }

    fn serialize_f64(self, _: f64) -> Result<String, ValueError> {
        no_key()
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<String, ValueError> {
        no_key()
    }

    fn serialize_none(self) -> Result<String, ValueError> {
        no_key()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<String, ValueError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<String, ValueError> {
        no_key()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<String, ValueError> {
        no_key()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<String, ValueError> {
        Ok(variant.to_owned())
    }

    fn serialize_newtype_struct<T>(self, _: &'static str, value: &T) -> Result<String, ValueError>
    where
        T: Serialize + ?Sized,
    {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<String, ValueError>
    where
        T: Serialize + ?Sized,
    {
        no_key()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, ValueError> {
        no_key()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, ValueError> {
        no_key()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, ValueError> {
        no_key()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, ValueError> {
        no_key()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, ValueError> {
        no_key()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, ValueError> {
        no_key()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, ValueError> {
        no_key()
    }
}
