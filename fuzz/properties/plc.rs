//! Operations and audit logs of the PLC directory.

use atproto_core::identity::plc::{
    AuditEntry, SignedOperation, check_submission, did_of_genesis, verify_log,
};

pub(crate) fn check(data: &[u8]) {
    if let Ok(operation) = SignedOperation::from_json(data) {
        let _ = check_submission(&operation);
        let _ = (did_of_genesis(&operation), operation.cid(), operation.successor());
        if let Some(plain) = operation.operation() {
            let _ = operation.signer(&plain.rotation_keys);
        }
        let json = serde_json::to_vec(&operation).expect("JSON can be written");
        let again = SignedOperation::from_json(&json).expect("what was written can be read");
        assert_eq!(again, operation);
        assert_eq!(again.to_cbor(), operation.to_cbor());
    }
    let Ok(log) = serde_json::from_slice::<Vec<AuditEntry>>(data) else { return };
    let Some(first) = log.first() else { return };
    if let Ok(verified) = verify_log(&first.did, &log) {
        assert_eq!(did_of_genesis(&first.operation), first.did);
        assert_eq!(verified.history.iter().count() + verified.nullified.len(), log.len());
        if let Some(state) = verified.state {
            let _ = state.to_document().signing_key();
        }
    }
}
