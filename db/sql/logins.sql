-- The logins of the application, which migrations create; run as the owner of the database.

-- name: are_logins_ready
-- Return whether the three logins can connect, are in the groups with the same index, and PUBLIC has no right to connect
-- to the database or to create temporary objects in it.
SELECT count(*) = cardinality(CAST(:names AS text[]))
       AND NOT EXISTS (SELECT FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                       WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type IN ('CONNECT', 'TEMPORARY'))
FROM unnest(CAST(:names AS text[]), CAST(:groups AS text[])) AS l(name, "group")
JOIN pg_roles r ON r.rolname = l.name AND r.rolcanlogin
WHERE has_database_privilege(r.oid, current_database(), 'CONNECT') AND pg_has_role(r.oid, l."group", 'USAGE');

-- name: list_logins
-- Return the existing roles with the names of logins, whether they have rights beyond their groups, and the groups.
SELECT r.rolname, r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls OR r.rolreplication
       OR EXISTS (SELECT FROM pg_database d WHERE d.datdba = r.oid) AS is_privileged,
       ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) AS groups
FROM pg_roles r WHERE r.rolname = ANY (CAST(:names AS text[]));

-- name: list_login_statements
-- Return the statements that create the logins or set their passwords, and that keep other roles out of the database.
-- Before version 16, a member of a role can also become it with SET ROLE, which adds no rights. The logins of other
-- installations on the server are members of the same groups.
SELECT statement
FROM (SELECT 1 AS part, s.place, s.statement
      FROM unnest(CAST(:names AS text[]), CAST(:groups AS text[]), CAST(:secrets AS text[])) AS l(name, "group", secret)
      LEFT JOIN pg_roles r ON r.rolname = l.name
      CROSS JOIN LATERAL (VALUES
          (1, format('%s ROLE %I LOGIN INHERIT', CASE WHEN r.oid IS NULL THEN 'CREATE' ELSE 'ALTER' END, l.name)),
          (2, CASE WHEN l.secret IS NOT NULL THEN format('ALTER ROLE %I PASSWORD %L', l.name, l.secret) END),
          (3, format('GRANT %I TO %I', l."group", l.name)
              || CASE WHEN CAST(current_setting('server_version_num') AS integer) >= 160000 THEN ' WITH INHERIT TRUE, SET FALSE' ELSE '' END),
          (4, format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), l.name)),
          -- A login can change its own settings, for example so that it finds no table any more.
          (5, format('ALTER ROLE %I RESET ALL', l.name)),
          (6, format('ALTER ROLE %I IN DATABASE %I RESET ALL', l.name, current_database()))) AS s(place, statement)
      UNION ALL
      SELECT 2, 1, format('ALTER ROLE %I SET %I = %s', CAST(:reader AS text), s.setting,
                          (SELECT string_agg(quote_literal(element), ', ') FROM unnest(string_to_array(s.value, ',')) AS element))
      FROM unnest(CAST(:settings AS text[]), CAST(:values AS text[])) AS s(setting, value)
      UNION ALL
      SELECT 2, 2, format('ALTER ROLE %I CONNECTION LIMIT %s', CAST(:reader AS text), CAST(:connections AS integer))
      UNION ALL
      SELECT 2, 3, format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database())) AS all_statements
WHERE statement IS NOT NULL ORDER BY part, place;

-- name: list_login_locks
-- Return the statements that keep the logins from connecting, so that every process uses the owner.
SELECT format('ALTER ROLE %I NOLOGIN', name) FROM unnest(CAST(:names AS text[])) AS name;

-- name: has_login
-- Return a row if the login can connect.
SELECT 1 FROM pg_roles WHERE rolname = :name AND rolcanlogin;

-- name: is_full
-- Return whether the server accepts no more connections of ordinary users; an owner that is a superuser can still connect.
SELECT count(*) >= current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
FROM pg_stat_activity WHERE backend_type = 'client backend';

-- name: lock_logins
-- Let one process at a time change the logins; released with the transaction.
SELECT pg_advisory_xact_lock(72450007);
