use super::super::testing::{assert_problems, assert_solved};
use super::*;
use crate::save::{load_weights, save_model};

fn fresh() -> Result<LeNet> {
    let settings = LeNetSettings {
        seed: 42,
        ..Default::default()
    };
    LeNet::new(&settings, Device::Cpu)
}

#[test]
fn right_attempts_pass() {
    assert_solved(save_and_load(|model, info, path| {
        let fresh = fresh()?;
        save_model(model, info, path)?;
        load_weights(&fresh, path)?;
        Ok(fresh)
    }));
    assert_solved(save_and_load(|model, info, path| {
        save_model(model, info, path)?;
        let fresh = fresh()?;
        StateDict::read(Path::new(path))?.copy_into(fresh.variables(), Path::new(path))?;
        Ok(fresh)
    }));
}

#[test]
fn typical_mistakes_are_named() {
    let attempts: [(Attempt, &str); 8] = [
        // The gap as it stands.
        (|_, _, _| fresh(), "there is no file at the path"),
        // Nothing is loaded.
        (
            |model, info, path| {
                save_model(model, info, path)?;
                fresh()
            },
            "the network you give back does not have the saved weights: it still has those it started",
        ),
        // The fresh network is saved.
        (
            |_, info, path| {
                let fresh = fresh()?;
                save_model(&fresh, info, path)?;
                load_weights(&fresh, path)?;
                Ok(fresh)
            },
            "the file holds the weights of another network",
        ),
        // The wrong way round.
        (
            |model, info, path| {
                let fresh = fresh()?;
                save_model(&fresh, info, path)?;
                load_weights(model, path)?;
                Ok(fresh)
            },
            "the model that was to be saved has other weights than before",
        ),
        // Loaded before it is saved.
        (
            |model, info, path| {
                let fresh = fresh()?;
                load_weights(&fresh, path)?;
                save_model(model, info, path)?;
                Ok(fresh)
            },
            "your function gives back an error: cannot read",
        ),
        // Saved to another path.
        (
            |model, info, path| {
                let fresh = fresh()?;
                let other = format!("{path}.other");
                save_model(model, info, &other)?;
                load_weights(&fresh, &other)?;
                Ok(fresh)
            },
            "there is no file at the path",
        ),
        // Only the weights.
        (
            |model, _, path| {
                let fresh = fresh()?;
                StateDict::of(model.variables()).write(Path::new(path))?;
                load_weights(&fresh, path)?;
                Ok(fresh)
            },
            "there is a file, but it does not describe a model",
        ),
        // Another description than the one given.
        (
            |model, info, path| {
                let fresh = fresh()?;
                let mut other = info.clone();
                other.classes[0] = "Hat".into();
                save_model(model, &other, path)?;
                load_weights(&fresh, path)?;
                Ok(fresh)
            },
            "the file names the classes Hat, class 1, class 2, class 3, class 4, class 5, class 6, \
             class 7, class 8, class 9, your function was given class 0, class 1, class 2, class 3, \
             class 4, class 5, class 6, class 7, class 8, class 9: save what it was given",
        ),
    ];
    assert_problems(save_and_load, &attempts);
}
