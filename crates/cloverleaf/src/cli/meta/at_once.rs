//! Asking about many things at once, but not about all of them.

use tokio::task::JoinSet;

use super::MetaError;

/// How many questions are open at the same time: enough that the network's delay doesn't count, and no flood.
const AT_ONCE: usize = 32;

/// Asks about each of `ids`; gives the answers in their order. The first error ends it.
pub(crate) async fn each<T, F>(ids: &[u64], ask: impl Fn(u64) -> F) -> Result<Vec<T>, MetaError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, MetaError>> + Send + 'static,
{
    let mut waiting = ids.iter().copied().enumerate();
    let mut open = JoinSet::new();
    let mut answers: Vec<Option<T>> = ids.iter().map(|_| None).collect();
    loop {
        while open.len() < AT_ONCE {
            let Some((place, id)) = waiting.next() else { break };
            let answer = ask(id);
            open.spawn(async move { (place, answer.await) });
        }
        let Some(answered) = open.join_next().await else { break };
        // A question that panicked has no answer; the panic was told already.
        let Ok((place, answer)) = answered else { continue };
        let answer = answer?;
        if let Some(slot) = answers.get_mut(place) {
            *slot = Some(answer);
        }
    }
    Ok(answers.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn answers_keep_the_order_and_questions_a_bound() {
        let open = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let ids: Vec<u64> = (0..200).collect();
        let answers = each(&ids, |id| {
            let (open, most) = (Arc::clone(&open), Arc::clone(&most));
            async move {
                most.fetch_max(open.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                for _ in 0..=id % 7 {
                    tokio::task::yield_now().await;
                }
                open.fetch_sub(1, Ordering::Relaxed);
                Ok(id * 2)
            }
        });
        let expected: Vec<u64> = ids.iter().map(|id| id * 2).collect();
        assert_eq!(answers.await.unwrap(), expected);
        assert_eq!(most.load(Ordering::Relaxed), AT_ONCE);
    }

    #[tokio::test]
    async fn the_first_error_ends_it() {
        let asked = each(&[1, 2, 3], |id| async move {
            if id == 2 { Err(MetaError::answer("a.b", "a number", "text")) } else { Ok(id) }
        });
        assert!(asked.await.is_err());
    }
}
