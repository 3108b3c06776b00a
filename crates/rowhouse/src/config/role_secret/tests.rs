//! Which tenants may be a part of a name.

use super::*;

#[test]
fn tenants_that_are_one_plain_word() {
    let template = TenantTemplate("tenants/{tenant}/db-{tenant}".to_owned());
    for id in ["7", "tenant_1", "a@b.c", "5b9a-4d", "A=+", &"x".repeat(TENANT_BYTES_MAX)] {
        let tenant = TenantId::parse(id).unwrap();
        assert_eq!(template.fill(Some(&tenant)), Ok(format!("tenants/{id}/db-{id}")));
    }
}

#[test]
fn tenants_that_could_name_the_secret_of_another() {
    let template = TenantTemplate("tenants/{tenant}".to_owned());
    let long = "x".repeat(TENANT_BYTES_MAX + 1);
    for id in ["a/b", "..", "../7", ".hidden", "a:b", "a b", "a*", "{tenant}", "ü", "a\\b", &long]
    {
        let tenant = TenantId::parse(id).unwrap();
        assert_eq!(template.fill(Some(&tenant)), Err(UnfitTenant), "{id}");
    }
    assert_eq!(template.fill(None), Err(UnfitTenant));
    assert_eq!(TenantTemplate("all".to_owned()).fill(None), Ok("all".to_owned()));
}
