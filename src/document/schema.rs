use crate::error::Result;
use std::path::Path;
pub struct Schemas;
pub struct Validator;
pub enum SchemaInput<'a> {
    Path(&'a Path),
    Text(&'a str),
    Url(&'a str),
}
impl<'a> SchemaInput<'a> {
    pub fn classify(text: &'a str) -> SchemaInput<'a> {
        SchemaInput::Text(text)
    }
}
impl Schemas {
    pub fn validator(_: SchemaInput) -> Result<Validator> {
        Ok(Validator)
    }
}
impl Validator {
    pub fn check(&self, _: &serde_json::Value) -> Result<()> {
        Ok(())
    }
}
