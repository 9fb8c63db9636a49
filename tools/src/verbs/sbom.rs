//! Bills of materials: CycloneDX 1.5 and SPDX 2.3, as JSON.

use serde_json::{Value, json};

use super::packages::Installed;
use crate::disk_args::SbomForm;

/// The bill of a guest's packages.
pub(super) fn sbom(form: SbomForm, guest: &Installed) -> Value {
    match form {
        SbomForm::Cyclonedx => cyclonedx(guest),
        SbomForm::Spdx => spdx(guest),
    }
}

fn now() -> String {
    chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

const TOOL: &str = concat!("nfm-", env!("CARGO_PKG_VERSION"));

fn cyclonedx(guest: &Installed) -> Value {
    let components = guest.packages.iter().map(|package| {
        json!({
            "type": "library",
            "bom-ref": package.purl,
            "name": package.name,
            "version": package.version,
            "purl": package.purl,
        })
    });
    let os = &guest.os_release;
    let system = os.id.as_ref().map(|id| {
        json!({"type": "operating-system", "name": id, "version": os.version_id, "description": os.pretty_name})
    });
    let components: Vec<Value> = components.chain(system).collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": now(),
            "tools": {"components": [{"type": "application", "name": "nfm", "version": env!("CARGO_PKG_VERSION")}]},
            "component": {"type": "device", "name": guest.domain},
        },
        "components": components,
    })
}

fn spdx(guest: &Installed) -> Value {
    let packages = (1..).zip(&guest.packages).map(|(number, package): (u32, _)| {
        json!({
            "SPDXID": format!("SPDXRef-Package-{number}"),
            "name": package.name,
            "versionInfo": package.version,
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": false,
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "NOASSERTION",
            "copyrightText": "NOASSERTION",
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": package.purl,
            }],
        })
    });
    let packages: Vec<Value> = packages.collect();
    let described = packages.iter().map(|package| {
        json!({
            "spdxElementId": "SPDXRef-DOCUMENT",
            "relationshipType": "DESCRIBES",
            "relatedSpdxElement": package.get("SPDXID"),
        })
    });
    let described: Vec<Value> = described.collect();
    let created = now();
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": guest.domain,
        "documentNamespace": format!("urn:nfm:{}:{created}", guest.domain),
        "creationInfo": {"created": created, "creators": [format!("Tool: {TOOL}")]},
        "packages": packages,
        "relationships": described,
    })
}
