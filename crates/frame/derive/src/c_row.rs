//! `#[derive(CRow)]`: a row of C from a row of a frame, and its members for reflection.

use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote};
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, Ident, Path};

/// One member of the C structure that is a column of the frame's row.
struct Member<'a> {
    field: &'a Field,
    name: &'a Ident,
    /// The constant of its bit in `known`; 0 where it is always known.
    bit: Tokens,
    /// The members behind it that belong to it: the number of a list, and the stride of rows.
    behind: Vec<Ident>,
    /// True for one that is no column: a function of its name makes it of the frame's row.
    is_computed: bool,
}

pub(crate) fn implement(input: &DeriveInput) -> syn::Result<Tokens> {
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => &fields.named,
            _ => return Err(Error::new_spanned(&input.ident, "a row of C has named members")),
        },
        _ => return Err(Error::new_spanned(&input.ident, "a row of C is a struct")),
    };
    let row = &input.ident;
    let item = item(input)?;
    let names: Vec<&Ident> = fields.iter().filter_map(|field| field.ident.as_ref()).collect();
    match names.first() {
        Some(first) if *first == "known" => {}
        _ => return Err(Error::new_spanned(row, "a row of C begins with its member known")),
    }
    let mut members = Vec::new();
    let mut zero = Vec::new();
    for (field, name) in fields.iter().zip(&names).skip(1) {
        let text = name.to_string();
        let belongs = ["_count", "_stride"].iter().any(|end| {
            let list = text.strip_suffix(end);
            list.is_some_and(|list| names.iter().any(|name| *name == list))
        });
        if text.starts_with("reserved") {
            zero.push(*name);
        } else if !belongs {
            members.push(member(row, field, name, &names)?);
        }
    }
    let (computed, members): (Vec<_>, Vec<_>) =
        members.into_iter().partition(|member: &Member| member.is_computed);
    let computed_of = computed.iter().map(|Member { name, bit, .. }| {
        quote!(#name: crate::capi::rows::IntoMember::give(&#name(item), fill, #bit))
    });
    let (plain, lists): (Vec<_>, Vec<_>) =
        members.iter().partition(|member: &&Member| member.behind.is_empty());
    let lists_of = lists.iter().map(|Member { name, bit, behind, .. }| {
        quote!(let (#name, #(#behind),*) = crate::capi::rows::IntoMember::give(&item.#name, fill, #bit);)
    });
    let lists_names = lists.iter().flat_map(|Member { name, behind, .. }| {
        [(*name).clone()].into_iter().chain(behind.iter().cloned())
    });
    let plain_of = plain.iter().map(|Member { name, bit, .. }| {
        quote!(#name: crate::capi::rows::IntoMember::give(&item.#name, fill, #bit))
    });
    let reflected = members.iter().map(|Member { field, name, bit, .. }| {
        let (text, kind) = (name.to_string(), &field.ty);
        quote! {
            crate::capi::rows::Member::new::<#item, #kind>(
                #text, std::mem::offset_of!(#row, #name), #bit,
            )
        }
    });
    Ok(quote! {
        impl crate::capi::rows::Row for #row {
            type Item = #item;

            fn of(item: &#item, fill: &mut crate::capi::rows::Fill) -> Self {
                #(#lists_of)*
                Self {
                    #(#plain_of,)*
                    #(#computed_of,)*
                    #(#lists_names,)*
                    #(#zero: Default::default(),)*
                    known: fill.known(),
                }
            }
        }

        impl crate::capi::rows::Reflect for #row {
            const MEMBERS: &'static [crate::capi::rows::Member] = &[#(#reflected),*];
        }

        // Each member is a column of another name, so that none is left out if there are as many.
        const _: () = assert!(
            <#row as crate::capi::rows::Reflect>::MEMBERS.len()
                == <#item as nfm_frame::column::Row>::COLUMNS.len(),
            "the row of C has not a member for each column",
        );
    })
}

/// The row of a frame that `#[row(…)]` names.
fn item(input: &DeriveInput) -> syn::Result<Path> {
    match attribute(&input.attrs) {
        Some(attribute) => attribute.parse_args(),
        None => Err(Error::new_spanned(&input.ident, "#[row(Name)] names the row of a frame")),
    }
}

fn member<'a>(
    row: &Ident,
    field: &'a Field,
    name: &'a Ident,
    names: &[&Ident],
) -> syn::Result<Member<'a>> {
    let (is_always_known, is_computed) = match attribute(&field.attrs) {
        Some(attribute) => {
            let word: Ident = attribute.parse_args()?;
            match word.to_string().as_str() {
                "always" => (true, false),
                "computed" => (false, true),
                _ => return Err(Error::new_spanned(word, "always or computed")),
            }
        }
        None => (false, false),
    };
    let bit = match is_always_known {
        true => quote!(0),
        false => {
            let row = row.to_string();
            let stem = row.trim_end_matches("_t");
            let bit = format_ident!("{}_{}", stem.to_uppercase(), name.to_string().to_uppercase());
            quote!(#bit)
        }
    };
    let behind = ["count", "stride"].map(|part| format_ident!("{name}_{part}"));
    let behind = behind.into_iter().filter(|one| names.contains(&one)).collect();
    Ok(Member { field, name, bit, behind, is_computed })
}

fn attribute(attributes: &[Attribute]) -> Option<&Attribute> {
    attributes.iter().find(|attribute| attribute.path().is_ident("row"))
}
