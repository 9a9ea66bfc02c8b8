//! Prints a plan. Nothing here decides anything.

mod endpoint;
mod enumeration;
mod errors;
mod object;
mod pieces;
mod root;
mod tokens;
mod union;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path as FilePath, PathBuf},
};

use quote::quote;

use crate::{
    error::Error,
    plan::{Item, Module, Path, Plan},
};
pub(crate) use pieces::MARK;
use pieces::{Group, print};
use tokens::{docs, ident};

/// The text of every file by its path under the output directory: `lexicons.rs`, and the
/// others under the prefix.
pub(crate) fn files(plan: &Plan, prefix: &FilePath) -> Result<BTreeMap<PathBuf, String>, Error> {
    let mut exported = BTreeSet::new();
    collect_exports(&plan.root, &mut exported);
    let mut files = BTreeMap::new();
    root::emit(plan, prefix, &mut files)?;
    emit_children(&plan.root, prefix, &exported, &mut files)?;
    Ok(files)
}

fn emit_children(
    module: &Module,
    prefix: &FilePath,
    exported: &BTreeSet<Path>,
    files: &mut BTreeMap<PathBuf, String>,
) -> Result<(), Error> {
    for child in module.children.values() {
        let path = file_of(child, prefix);
        let mut context = Context::new(child, exported);
        let text = print(&path, &context.module())?;
        files.insert(path, text);
        emit_children(child, prefix, exported, files)?;
    }
    Ok(())
}

/// `com/atproto/repo/get_record.rs` under the prefix.
fn file_of(module: &Module, prefix: &FilePath) -> PathBuf {
    let mut path = prefix.to_owned();
    for name in &module.path {
        path.push(name.strip_prefix("r#").unwrap_or(name));
    }
    path.set_extension("rs");
    path
}

fn collect_exports(module: &Module, exported: &mut BTreeSet<Path>) {
    for name in &module.exports {
        exported.insert(Path { module: module.path.clone(), name: name.clone() });
    }
    for child in module.children.values() {
        collect_exports(child, exported);
    }
}

/// What printing one module needs to know, and what it turns out to import.
struct Context<'a> {
    current: &'a Module,
    exported: &'a BTreeSet<Path>,
    /// Names that the module itself defines; an imported one would clash.
    local: BTreeSet<String>,
    imports: BTreeSet<(&'static str, &'static str)>,
    reaches_out: bool,
}

impl<'a> Context<'a> {
    fn new(current: &'a Module, exported: &'a BTreeSet<Path>) -> Self {
        let mut local: BTreeSet<String> = current.items.iter().map(Item::name).collect();
        local.extend(current.children.values().flat_map(|child| child.exports.iter().cloned()));
        Self { current, exported, local, imports: BTreeSet::new(), reaches_out: false }
    }

    fn module(&mut self) -> Vec<Group> {
        let items: Vec<Group> = self.current.items.iter().map(|item| self.item(item)).collect();
        let mut groups = vec![self.head()];
        groups.extend(items);
        groups
    }

    fn item(&mut self, item: &Item) -> Group {
        match item {
            Item::Alias(alias) => {
                let (docs, name) = (docs(&alias.docs), ident(&alias.name));
                let target = self.ty(&alias.target);
                quote! { #docs pub type #name = #target; }.into()
            }
            Item::Constant(constant) => {
                let (docs, name) = (docs(&constant.docs), ident(&constant.name));
                let value = &constant.value;
                quote! { #docs pub const #name: &str = #value; }.into()
            }
            Item::Enumeration(enumeration) => enumeration::enumeration(enumeration),
            Item::Errors(errors) => errors::errors(errors),
            Item::Messages(union) => self.messages(union),
            Item::Procedure(procedure) => self.procedure(procedure),
            Item::Query(query) => self.query(query),
            Item::Struct(object) => self.object(object),
            Item::Subscription(subscription) => self.subscription(subscription),
            Item::Union(union) => self.union(union),
        }
    }

    /// The module's comment, imports and submodules.
    fn head(&self) -> Group {
        let title = format!(" `{}`", self.current.segments.join("."));
        let mut uses = proc_macro2::TokenStream::new();
        let mut by_module: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (module, name) in &self.imports {
            by_module.entry(module).or_default().push(ident(name));
        }
        for (module, names) in by_module {
            let module = ident(module);
            uses.extend(match names.as_slice() {
                [name] => quote! { use atproto_core::#module::#name; },
                names => quote! { use atproto_core::#module::{#(#names),*}; },
            });
        }
        if self.reaches_out {
            let supers = self.current.path.iter().map(|_| quote!(super));
            let alias = self.root_alias();
            uses.extend(quote! { use #(#supers)::* as #alias; });
        }
        let children = root::submodules(self.current);
        quote! { #![doc = #title] #uses #children }.into()
    }

    /// The name under which the root module is imported.
    fn root_alias(&self) -> proc_macro2::Ident {
        let clashes = self.current.children.contains_key("lexicons");
        ident(if clashes { "lexicons_root" } else { "lexicons" })
    }
}
