-- The role that the connection was made by.
-- No parameters. One row: its name, its attributes that matter, the roles that it may take besides the service's.
SELECT
  login.rolname,
  login.rolsuper,
  login.rolcreaterole,
  login.rolcreatedb,
  login.rolreplication,
  login.rolbypassrls,
  ARRAY(
    SELECT other.rolname::text
    FROM pg_roles AS other
    WHERE other.oid <> login.oid
      AND other.rolname NOT IN ('token_ledger_service', 'token_ledger_reader')
      AND pg_has_role(login.oid, other.oid, 'MEMBER')
    ORDER BY other.rolname
  )
FROM pg_roles AS login
WHERE login.rolname = session_user
