-- The address of the personal data beside an event; null where there is none, or what is there is none. An IPv6
-- zone is left out: it means something on one machine only.
CREATE OR REPLACE FUNCTION address_of(data text) RETURNS inet
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
  RETURN split_part(nullif(data::json ->> 'address', 'unknown'), '%', 1)::inet;
EXCEPTION
  WHEN invalid_text_representation THEN RETURN NULL;
END
$$;
