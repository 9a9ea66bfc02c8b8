//! Operations and audit logs of the PLC directory, as text.

use atproto_core::{
    data::cbor::{self, CborFault},
    identity::plc::{
        AuditEntry, SignedOperation, check_submission, did_of_genesis, limits, verify_log,
    },
    syntax::Cid,
};

pub(crate) fn check(data: &[u8]) {
    if let Ok(operation) = SignedOperation::from_json(data) {
        examine(&operation);
        let json = serde_json::to_vec(&operation).expect("JSON can be written");
        let again = SignedOperation::from_json(&json).expect("what was written can be read");
        assert_eq!(again, operation);
        assert_eq!(again.to_cbor(), operation.to_cbor());
    }
    let Ok(log) = serde_json::from_slice::<Vec<AuditEntry>>(data) else { return };
    let json = serde_json::to_vec(&log).expect("JSON can be written");
    assert_eq!(serde_json::from_slice::<Vec<AuditEntry>>(&json).ok().as_ref(), Some(&log));
    let Some(first) = log.first() else { return };
    if let Ok(verified) = verify_log(&first.did, &log) {
        assert_eq!(did_of_genesis(&first.operation), first.did);
        assert_eq!(verified.history.iter().count() + verified.nullified.len(), log.len());
        if let Some(state) = verified.state {
            let _ = state.to_document().signing_key();
        }
    }
}

fn examine(operation: &SignedOperation) {
    let bytes = operation.to_cbor();
    assert_eq!(operation.cid(), Cid::dag_cbor(&bytes));
    if check_submission(operation).is_ok() {
        assert!(bytes.len() <= limits::OPERATION_BYTES);
        // Names are free, so that the model of records may not have the map of them; the
        // encoding is canonical all the same.
        let fault = cbor::check(&bytes).err().map(|error| error.fault().clone());
        assert!(matches!(fault, None | Some(CborFault::Data(_))), "{fault:?}");
    }
    let did = did_of_genesis(operation);
    assert!(did.supported().is_ok());
    let successor = operation.successor();
    assert_eq!(successor.is_none(), operation.is_tombstone());
    assert!(successor.is_none_or(|next| next.prev == Some(operation.cid())));
    if let Some(plain) = operation.operation()
        && let Ok(index) = operation.signer(&plain.rotation_keys)
    {
        assert!(index < plain.rotation_keys.len());
    }
}
