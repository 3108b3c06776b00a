//! Expressions as `pg_get_expr` writes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{Expression, Surroundings};

const AROUND: Surroundings<'_> = Surroundings {
    tenant_column: Some("tenant_id"),
    context_functions: &["seal.tenant"],
    reads_others: false,
};

const SAFE: &str = "(tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), \
                    ''::text))::integer AS \"nullif\"))";

#[test]
fn what_restricts() {
    for (text, expected) in [
        (SAFE, true),
        ("true", false),
        ("false", true),
        ("(tenant_id = (current_setting('app.t'::text))::integer)", true),
        ("(tenant_id = ( SELECT seal.tenant() AS tenant))", true),
        ("((tenant_id = ( SELECT seal.tenant() AS tenant)) AND (deleted_at IS NULL))", true),
        ("((tenant_id = ( SELECT seal.tenant() AS tenant)) OR is_public)", false),
        ("((tenant_id = seal.tenant()) OR (tenant_id = seal.tenant()))", true),
        ("(NOT (tenant_id = seal.tenant()))", false),
        ("(tenant_id <> seal.tenant())", false),
        ("(tenant_id = 1)", false),
        ("(tenant_id = tenant_id)", false),
        ("(is_public = true)", false),
        ("((tenant_id)::text ~~ current_setting('app.t'::text, true))", false),
        (
            "(COALESCE((current_setting('app.t'::text, true))::integer, tenant_id) = tenant_id)",
            false,
        ),
        (
            "(tenant_id = ANY (string_to_array(current_setting('app.t'::text, true), ','::text)))",
            true,
        ),
        ("('tenant_id = current_setting('::text = current_setting('a'::text))", false),
        ("", false),
        ("((((", false),
    ] {
        assert_eq!(Expression::parse(text).restricts(&AROUND), expected, "{text}");
    }
}

#[test]
fn what_opens_without_a_tenant() {
    for (text, expected) in [
        (SAFE, false),
        ("((tenant_id = 1) OR (current_setting('app.t'::text, true) IS NULL))", true),
        ("((current_setting('app.t'::text, true) = ''::text) OR (tenant_id = 1))", true),
        ("((current_setting('app.t'::text, true) IS NOT NULL) OR (tenant_id = 1))", false),
        ("((tenant_id = seal.tenant()) OR true)", true),
        ("((tenant_id = seal.tenant()) OR (tenant_id IS NULL))", false),
        ("(tenant_id = COALESCE(seal.tenant(), tenant_id))", true),
        ("((a = 1) AND ((tenant_id = seal.tenant()) OR (seal.tenant() IS NULL)))", true),
    ] {
        assert_eq!(Expression::parse(text).fails_open(&AROUND), expected, "{text}");
    }
}

#[test]
fn how_the_setting_is_read() {
    for (text, demands, casts, each_row) in [
        (SAFE, false, false, false),
        ("(tenant_id = (current_setting('app.t'::text))::integer)", true, true, true),
        ("(tenant_id = (current_setting('app.t'::text, true))::uuid)", false, true, true),
        ("((tenant_id)::text = current_setting('app.t'::text, true))", false, false, true),
        ("((x)::text = (current_setting('app.t'::text, true))::text)", false, false, true),
        (
            "(t = (( SELECT current_setting('app.t'::text, true) AS current_setting))::bigint)",
            false,
            true,
            false,
        ),
        (
            "((t)::text = (current_setting('app.t'::text, true))::character varying(10))",
            false,
            false,
            true,
        ),
        ("(tenant_id = seal.tenant())", false, false, true),
    ] {
        let expression = Expression::parse(text);
        assert_eq!(expression.demands_setting(), demands, "demands: {text}");
        assert_eq!(expression.casts_empty(), casts, "casts: {text}");
        assert_eq!(expression.asks_for_each_row(&AROUND), each_row, "each row: {text}");
    }
    assert_eq!(Expression::parse(SAFE).settings(), ["app.tenant_id"]);
}

#[test]
fn what_makes_tenants_equal() {
    for (text, expected) in [
        (SAFE, false),
        ("(lower(tenant_id) = ( SELECT lower(seal.tenant()) AS lower))", true),
        ("(\"left\"((tenant_id)::text, 3) = seal.tenant())", true),
        ("(TRIM(BOTH FROM tenant_id) = seal.tenant())", true),
        ("(tenant_id = lower(seal.tenant()))", false),
        ("((tenant_id = seal.tenant()) AND (lower(name) = 'x'::text))", false),
        ("((tenant_id)::text = seal.tenant())", false),
        ("(lower(", false),
    ] {
        assert_eq!(Expression::parse(text).folds("tenant_id"), expected, "{text}");
    }
}

#[test]
fn other_shapes() {
    let role = Expression::parse("((owner)::text = CURRENT_USER)");
    assert!(role.uses_role());
    assert!(Expression::parse("(a ~~ 'x%'::text)").matches_pattern());
    assert!(Expression::parse("(\"Tenant Id\" = 1)").mentions("\"Tenant Id\""));
    assert!(!Expression::parse("('tenant_id'::text = x)").mentions("tenant_id"));
    assert!(Expression::parse("§ ( ' \" , ").settings().is_empty());
}
