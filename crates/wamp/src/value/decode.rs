//! Bytes to trees, without recursion.

use super::{Dict, Value};
use crate::serializer::{Malformed, Reader, Serializer, Token, text_key};
use crate::with_reader;

pub(super) fn one(serializer: Serializer, bytes: &[u8]) -> Result<Value, Malformed> {
    with_reader!(serializer, R => {
        let mut reader = R::new(bytes);
        let value = tree(&mut reader, bytes)?;
        reader.finish()?;
        Ok(value.unwrap_or_default())
    })
}

pub(super) fn sequence(serializer: Serializer, bytes: &[u8]) -> Result<Vec<Value>, Malformed> {
    with_reader!(serializer, R => {
        let mut reader = R::sequence(bytes);
        std::iter::from_fn(|| tree(&mut reader, bytes).transpose()).collect()
    })
}

/// A container that is being filled.
enum Open {
    List(Vec<Value>),
    /// The pairs, and the key whose value comes next.
    Map(Vec<(String, Value)>, String),
}

/// Reads one value; `None` where the sequence around it ends.
fn tree<'a, R: Reader<'a>>(reader: &mut R, input: &'a [u8]) -> Result<Option<Value>, Malformed> {
    let mut open: Vec<Open> = Vec::new();
    loop {
        let token = match open.last_mut() {
            Some(Open::Map(_, next)) => match text_key(reader, input)? {
                Some(key) => {
                    *next = key.into_owned();
                    reader.token()?
                }
                None => Token::End,
            },
            _ => reader.token()?,
        };
        let value = match token {
            Token::Null => Value::Null,
            Token::Bool(value) => Value::Bool(value),
            Token::Uint(value) => Value::Uint(value),
            Token::Int(value) => Value::Int(value),
            Token::Float(value) => Value::Float(value),
            Token::Str(text) => Value::Str(text.into_owned()),
            Token::Bytes(bytes) => Value::Bytes(bytes.into_owned()),
            Token::Array => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Token::Map => {
                open.push(Open::Map(Vec::new(), String::new()));
                continue;
            }
            Token::End => match open.pop() {
                Some(Open::List(list)) => Value::List(list),
                Some(Open::Map(pairs, _)) => Value::Map(pairs.into_iter().collect::<Dict>()),
                None => return Ok(None),
            },
        };
        match open.last_mut() {
            Some(Open::List(list)) => list.push(value),
            Some(Open::Map(pairs, key)) => pairs.push((std::mem::take(key), value)),
            None => return Ok(Some(value)),
        }
    }
}
