//! `#[derive(Row)]`: the columns of a row of `nfm-frame`, from its fields.
//!
//! A column's name is the field's, its documentation the field's first paragraph. `#[column(…)]` says what the type
//! does not: `label`, `gauge` or `counter`, and a unit. Without it, texts and truth values are labels, numbers are
//! gauges, and the unit is that of the name's ending (`_ns`, `_bytes`).
//!
//! `#[derive(CRow)]`, for package `nfm`: a structure of C from such a row. `#[row(Name)]` names the row. A member has the
//! name of a column, and a bit of both names in `known` (`NFM_PROCESS_EXE`), or `#[row(always)]` where a value is never
//! unknown; `#[row(computed)]` is no column, but what the function of its name makes of the frame's row; a list brings `_count`, and rows `_stride`, with them. What does not agree with the columns does not compile.

mod c_row;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Error, Expr, ExprLit, Field, Fields, Ident, Lit, Meta};

/// See the crate's documentation.
#[proc_macro_derive(Row, attributes(column))]
pub fn row(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    implement(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// See the crate's documentation.
#[proc_macro_derive(CRow, attributes(row))]
pub fn c_row(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    c_row::implement(&input).unwrap_or_else(Error::into_compile_error).into()
}

fn implement(input: &DeriveInput) -> syn::Result<Tokens> {
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => &fields.named,
            _ => return Err(Error::new_spanned(&input.ident, "a row has named fields")),
        },
        _ => return Err(Error::new_spanned(&input.ident, "a row is a struct")),
    };
    let row = &input.ident;
    let doc = documentation(&input.attrs);
    let columns = fields.iter().map(column).collect::<syn::Result<Vec<_>>>()?;
    let names: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    Ok(quote! {
        impl crate::column::Row for #row {
            const DOC: &'static str = #doc;
            const COLUMNS: &'static [crate::column::Column] = &[#(#columns),*];

            fn values(&self) -> Vec<crate::column::Value<'_>> {
                vec![#(crate::column::Fact::value(&self.#names)),*]
            }

            fn from_values(values: Vec<crate::column::Value<'_>>) -> Option<Self> {
                let mut values = values.into_iter();
                let mut next = || values.next().unwrap_or(crate::column::Value::Null);
                Some(Self { #(#names: crate::column::Fact::from_value(next())?),* })
            }
        }
    })
}

fn column(field: &Field) -> syn::Result<Tokens> {
    let name = field.ident.as_ref().map(Ident::to_string).unwrap_or_default();
    let kind = &field.ty;
    let doc = documentation(&field.attrs);
    if doc.is_empty() {
        return Err(Error::new_spanned(field, "a column has documentation"));
    }
    let mut sort = quote!(<#kind as crate::column::Fact>::TYPE.usual_kind());
    let mut unit = if name.ends_with("_ns") {
        quote!(Nanoseconds)
    } else if name.ends_with("_bytes") {
        quote!(Bytes)
    } else {
        quote!(None)
    };
    for attribute in field.attrs.iter().filter(|one| one.path().is_ident("column")) {
        attribute.parse_nested_meta(|meta| {
            let word = meta.path.get_ident().map(Ident::to_string).unwrap_or_default();
            match word.as_str() {
                "label" => sort = quote!(crate::column::Kind::Label),
                "gauge" => sort = quote!(crate::column::Kind::Gauge),
                "counter" => sort = quote!(crate::column::Kind::Counter),
                "bytes" => unit = quote!(Bytes),
                "kibibytes" => unit = quote!(Kibibytes),
                "megahertz" => unit = quote!(Megahertz),
                _ => return Err(meta.error("label, gauge, counter, bytes, kibibytes or megahertz")),
            }
            Ok(())
        })?;
    }
    Ok(quote! {
        crate::column::Column {
            name: #name,
            doc: #doc,
            value: <#kind as crate::column::Fact>::TYPE,
            optional: <#kind as crate::column::Fact>::OPTIONAL,
            kind: #sort,
            unit: crate::column::Unit::#unit,
        }
    })
}

/// The first paragraph of a documentation comment, on one line.
fn documentation(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
