-- The roles of the seed documents. Passwords that the documents print are as printed; the owner's
-- is drawn for each cluster and set by the loader.
do $roles$
begin
    if to_regrole('app_user') is null then
        create role app_user login password 'app_user';
    end if;
    if to_regrole('owner') is null then
        create role owner login;
    end if;
    if to_regrole('t1') is null then
        create role t1 login password 'TestPW123!';
    end if;
    if to_regrole('t2') is null then
        create role t2 login password 'TestPW123!';
    end if;
    if to_regrole('bypassrls_user') is null then
        create role bypassrls_user login bypassrls password 'TestPW123!';
    end if;
end
$roles$;
